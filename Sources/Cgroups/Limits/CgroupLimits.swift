/// A container's resource limits. Nil means no limit, and so does 0 where Docker defines it so.
package struct CgroupLimits: Equatable, Sendable {
    /// Bytes; -1 is unlimited.
    package var memory: Int64?
    /// Bytes of memory and swap together; -1 is unlimited swap.
    package var memorySwap: Int64?
    /// Bytes; a soft limit.
    package var memoryReservation: Int64?
    /// 0 to 100 (version 1).
    package var memorySwappiness: Int64?
    /// Bytes of kernel memory, and of its TCP buffers (version 1, before Linux 5.16).
    package var kernelMemory: Int64?
    package var kernelMemoryTCP: Int64?
    package var oomKillDisable = false
    /// Refuse a memory limit below the present usage instead of letting the kernel kill processes.
    package var checkMemoryBeforeUpdate = false
    /// 2 to 262144; the default is 1024.
    package var cpuShares: UInt64?
    /// Microseconds of processor time per period; -1 is unlimited.
    package var cpuQuota: Int64?
    /// Microseconds.
    package var cpuPeriod: UInt64?
    /// Microseconds of unused quota that may accumulate (Linux 5.14).
    package var cpuBurst: UInt64?
    /// 1: run only when no other cgroup needs the processor (Linux 5.15).
    package var cpuIdle: Int64?
    /// Microseconds for real-time processes (version 1).
    package var cpuRealtimeRuntime: Int64?
    package var cpuRealtimePeriod: UInt64?
    /// `0-3,7`.
    package var cpusetCpus: String?
    package var cpusetMems: String?
    /// Processes and threads; -1 and 0 are unlimited.
    package var pids: Int64?
    /// 10 to 1000.
    package var blkioWeight: UInt16?
    package var blkioLeafWeight: UInt16?
    package var blkioWeightDevices: [CgroupDeviceWeight] = []
    /// Bytes per second and operations per second per device.
    package var blkioThrottle: [CgroupThrottle] = []
    /// Bytes by page size: `2MB`.
    package var hugepages: [Named<UInt64>] = []
    /// By device: `mlx5_1`.
    package var rdma: [Named<CgroupRDMA>] = []
    /// The class id of sent packets (version 1).
    package var networkClass: UInt32?
    /// Packet priority by interface (version 1).
    package var networkPriorities: [Named<UInt32>] = []
    /// The allowed devices; nil keeps the hierarchy's default (everything).
    package var devices: [DeviceRule]? = DeviceRule.dockerDefault
    /// Version 2 files by name, as in the OCI `unified` map.
    package var unified: [Named<String>] = []

    package init() {}

    /// One entry of a map, in the document's order.
    package struct Named<Value: Equatable & Sendable>: Equatable, Sendable {
        package var name: String
        package var value: Value

        package init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }
}

/// A limit of one block device.
package struct CgroupThrottle: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case readBytes = "rbps", writeBytes = "wbps", readOps = "riops", writeOps = "wiops"

        /// Version 1's file.
        var file: String {
            switch self {
            case .readBytes: return "blkio.throttle.read_bps_device"
            case .writeBytes: return "blkio.throttle.write_bps_device"
            case .readOps: return "blkio.throttle.read_iops_device"
            case .writeOps: return "blkio.throttle.write_iops_device"
            }
        }
    }

    package var kind: Kind
    package var major: UInt32
    package var minor: UInt32
    /// 0 is unlimited.
    package var rate: UInt64

    package init(_ kind: Kind, major: UInt32, minor: UInt32, rate: UInt64) {
        self.kind = kind
        self.major = major
        self.minor = minor
        self.rate = rate
    }
}

/// A share of one block device.
package struct CgroupDeviceWeight: Equatable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var weight: UInt16?
    package var leafWeight: UInt16?

    package init(major: UInt32, minor: UInt32, weight: UInt16?, leafWeight: UInt16? = nil) {
        self.major = major
        self.minor = minor
        self.weight = weight
        self.leafWeight = leafWeight
    }
}

/// Handles and objects of an RDMA device; nil is unlimited.
package struct CgroupRDMA: Equatable, Sendable {
    package var handles: UInt32?
    package var objects: UInt32?

    package init(handles: UInt32?, objects: UInt32?) {
        self.handles = handles
        self.objects = objects
    }
}

/// A requested limit that was not set.
package struct LeftOutLimit: Equatable, Sendable, CustomStringConvertible {
    package enum Reason: Equatable, Sendable {
        /// The controller is not available here, or this user may not write there.
        case noController(String)
        /// The kernel does not have the file.
        case noFile(String)
        /// Version 2 has no such limit.
        case notInVersion2
    }

    /// `memory limit`, `swap limit`, …
    package let limit: String
    package let reason: Reason

    /// `memory limit: no memory controller is available`.
    package var description: String { "\(limit): \(explanation)" }

    var explanation: String {
        switch reason {
        case .noController(let name): return "no \(name) controller is available"
        case .noFile(let name): return "this kernel has no \(name)"
        case .notInVersion2: return "cgroup version 2 has no such limit"
        }
    }
}
