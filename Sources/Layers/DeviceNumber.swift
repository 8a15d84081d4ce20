/// The two parts of st_rdev, as glibc packs them (makedev(3)).
struct DeviceNumber {
    let major: UInt32
    let minor: UInt32

    init(_ raw: UInt64) {
        major = UInt32(truncatingIfNeeded: (raw >> 8) & 0xfff | (raw >> 32) & 0xffff_f000)
        minor = UInt32(truncatingIfNeeded: raw & 0xff | (raw >> 12) & 0xffff_ff00)
    }
}
