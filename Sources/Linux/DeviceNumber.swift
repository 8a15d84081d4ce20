/// The two halves of a `dev_t`, as glibc packs them (makedev(3)).
package struct DeviceNumber: Equatable, Sendable {
    package let major: UInt32
    package let minor: UInt32

    package init(_ device: UInt64) {
        major = UInt32(truncatingIfNeeded: (device >> 8) & 0xfff | (device >> 32) & 0xffff_f000)
        minor = UInt32(truncatingIfNeeded: device & 0xff | (device >> 12) & 0xffff_ff00)
    }
}
