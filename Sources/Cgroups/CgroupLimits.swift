/// What a container may use. Nil, and zero where Docker means that by it, is no limit.
package struct CgroupLimits: Equatable, Sendable {
    /// Bytes.
    package var memory: Int64?
    /// Bytes of memory and swap together; -1 is unlimited swap.
    package var memorySwap: Int64?
    /// Bytes; a soft limit.
    package var memoryReservation: Int64?
    package var memorySwappiness: Int64?
    package var oomKillDisable = false
    /// 2 to 262144; 1024 is the usual share.
    package var cpuShares: UInt64?
    /// Microseconds of processor time per period.
    package var cpuQuota: Int64?
    /// Microseconds.
    package var cpuPeriod: UInt64?
    /// `0-3,7`.
    package var cpusetCpus: String?
    package var cpusetMems: String?
    /// Processes and threads; -1 and 0 are unlimited.
    package var pids: Int64?
    /// 10 to 1000.
    package var blkioWeight: UInt16?
    /// Bytes per second and operations per second per device.
    package var blkioThrottle: [CgroupThrottle] = []
    /// Which devices may be used; nil leaves the hierarchy's own rule (everything).
    package var devices: [DeviceRule]? = DeviceRule.dockerDefault
    /// Files of version 2 by name, as the OCI `unified` map.
    package var unified: [(name: String, value: String)] = []

    package init() {}

    package static func == (left: CgroupLimits, right: CgroupLimits) -> Bool {
        left.memory == right.memory && left.memorySwap == right.memorySwap
            && left.memoryReservation == right.memoryReservation && left.cpuShares == right.cpuShares
            && left.memorySwappiness == right.memorySwappiness && left.oomKillDisable == right.oomKillDisable
            && left.cpuQuota == right.cpuQuota && left.cpuPeriod == right.cpuPeriod
            && left.cpusetCpus == right.cpusetCpus && left.cpusetMems == right.cpusetMems && left.pids == right.pids
            && left.blkioWeight == right.blkioWeight && left.blkioThrottle == right.blkioThrottle
            && left.devices == right.devices && left.unified.elementsEqual(right.unified) { $0 == $1 }
    }
}

/// A limit of one block device.
package struct CgroupThrottle: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case readBytes = "rbps", writeBytes = "wbps", readOps = "riops", writeOps = "wiops"
    }

    package var kind: Kind
    package var major: UInt32
    package var minor: UInt32
    package var rate: UInt64

    package init(_ kind: Kind, major: UInt32, minor: UInt32, rate: UInt64) {
        self.kind = kind
        self.major = major
        self.minor = minor
        self.rate = rate
    }
}

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
    /// Nil is every number.
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

    /// Docker's list: nodes may be made, but only these may be opened.
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

    /// As devices.allow and devices.deny take it.
    var line: String {
        if kind == .all && major == nil && minor == nil { return "a" }
        let letter = kind == .all ? "a" : kind == .block ? "b" : "c"
        return "\(letter) \(major.map { String($0) } ?? "*"):\(minor.map { String($0) } ?? "*") \(access.text)"
    }
}
