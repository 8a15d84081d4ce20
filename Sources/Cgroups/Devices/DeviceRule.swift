/// Allows or denies the use of devices. Later rules win.
package struct DeviceRule: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case all = 0x61
        case block = 0x62
        case character = 0x63
    }

    package struct Access: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The bits of BPF_DEVCG_ACC_*.
        package static let mknod = Access(rawValue: 1)
        package static let read = Access(rawValue: 2)
        package static let write = Access(rawValue: 4)
        package static let all: Access = [.mknod, .read, .write]

        /// `rwm` in any order; nil for another letter.
        package init?(_ text: String) {
            var result: Access = []
            for letter in text {
                switch letter {
                case "r": result.insert(.read)
                case "w": result.insert(.write)
                case "m": result.insert(.mknod)
                default: return nil
                }
            }
            self = result
        }

        var text: String {
            (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.mknod) ? "m" : "")
        }
    }

    package var allow: Bool
    package var kind: Kind
    /// Nil means any number.
    package var major: UInt32?
    package var minor: UInt32?
    package var access: Access

    package init(
        allow: Bool, _ kind: Kind, major: UInt32? = nil, minor: UInt32? = nil, access: Access = .all
    ) {
        self.allow = allow
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// Docker's default: all nodes may be created, but only these may be opened.
    package static let dockerDefault: [DeviceRule] = [
        DeviceRule(allow: false, .all),
        DeviceRule(allow: true, .character, access: .mknod),
        DeviceRule(allow: true, .block, access: .mknod),
        DeviceRule(allow: true, .character, major: 1, minor: 3),
        DeviceRule(allow: true, .character, major: 1, minor: 5),
        DeviceRule(allow: true, .character, major: 1, minor: 7),
        DeviceRule(allow: true, .character, major: 1, minor: 8),
        DeviceRule(allow: true, .character, major: 1, minor: 9),
        DeviceRule(allow: true, .character, major: 5, minor: 0),
        DeviceRule(allow: true, .character, major: 5, minor: 1),
        DeviceRule(allow: true, .character, major: 5, minor: 2),
        DeviceRule(allow: true, .character, major: 136),
    ]

    /// Everything: `--privileged`.
    package static let everything = [DeviceRule(allow: true, .all)]

    /// The line for devices.allow and devices.deny.
    var line: String {
        let letter = kind == .all ? "a" : kind == .block ? "b" : "c"
        return "\(letter) \(major.map { String($0) } ?? "*"):\(minor.map { String($0) } ?? "*") \(access.text)"
    }
}
