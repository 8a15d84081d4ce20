/// The counters of a cgroup: the same fields for both versions, those of `runc events --stats`.
///
/// A counter that the kernel does not keep is zero or empty; a limit that is not set is nil.
package struct CgroupStatistics: Equatable, Sendable {
    package var processor = Processor()
    package var cpuset = Cpuset()
    package var memory = Memory()
    package var pids = Pids()
    package var block = Block()
    /// By page size: `2MB`, `1GB`.
    package var hugepages: [String: Hugepages] = [:]

    /// Pressure stall information (version 2): how long processes waited for a resource.
    package struct Pressure: Equatable, Sendable {
        package struct Share: Equatable, Sendable {
            /// Percent of the last 10, 60 and 300 seconds.
            package var average10 = 0.0
            package var average60 = 0.0
            package var average300 = 0.0
            /// Microseconds.
            package var total: UInt64 = 0
        }

        /// At least one process waited.
        package var some = Share()
        /// All processes waited at once.
        package var full = Share()
    }

    package struct Processor: Equatable, Sendable {
        /// Nanoseconds.
        package var total: UInt64 = 0
        package var user: UInt64 = 0
        package var kernel: UInt64 = 0
        /// Nanoseconds per processor (version 1).
        package var perProcessor: [UInt64] = []
        package var perProcessorUser: [UInt64] = []
        package var perProcessorKernel: [UInt64] = []
        /// Number of quota periods, number of throttled ones, and nanoseconds throttled.
        package var periods: UInt64 = 0
        package var throttledPeriods: UInt64 = 0
        package var throttledTime: UInt64 = 0
        /// Number of periods that used burst, and nanoseconds of burst.
        package var bursts: UInt64 = 0
        package var burstTime: UInt64 = 0
        package var pressure: Pressure?
    }

    /// The cpuset's values; numbers from version 1's files, zero on version 2.
    package struct Cpuset: Equatable, Sendable {
        package var cpus: [UInt16] = []
        package var mems: [UInt16] = []
        package var cpuExclusive: UInt64 = 0
        package var memExclusive: UInt64 = 0
        package var memHardwall: UInt64 = 0
        package var memoryMigrate: UInt64 = 0
        package var memoryPressure: UInt64 = 0
        package var memorySpreadPage: UInt64 = 0
        package var memorySpreadSlab: UInt64 = 0
        package var schedLoadBalance: UInt64 = 0
        package var schedRelaxDomainLevel: Int64 = 0
    }

    package struct Memory: Equatable, Sendable {
        /// Bytes, and how often the limit was hit.
        package struct Entry: Equatable, Sendable {
            package var usage: UInt64 = 0
            package var peak: UInt64 = 0
            package var limit: UInt64?
            package var failures: UInt64 = 0
        }

        /// Bytes of page cache.
        package var cache: UInt64 = 0
        package var usage = Entry()
        /// Memory and swap together, as version 1 counts.
        package var swap = Entry()
        package var kernel = Entry()
        package var kernelTCP = Entry()
        /// memory.stat, with the kernel's names.
        package var raw: [String: UInt64] = [:]
        /// How often the limit killed a process.
        package var kills: UInt64 = 0
        package var pressure: Pressure?
    }

    /// Processes and threads.
    package struct Pids: Equatable, Sendable {
        package var current: UInt64 = 0
        package var limit: UInt64?
    }

    package struct Block: Equatable, Sendable {
        package struct Entry: Equatable, Sendable {
            package var major: UInt64
            package var minor: UInt64
            /// `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total`; empty where the kernel names none.
            package var operation: String
            package var value: UInt64

            package init(major: UInt64, minor: UInt64, operation: String, value: UInt64) {
                self.major = major
                self.minor = minor
                self.operation = operation
                self.value = value
            }
        }

        package var bytes: [Entry] = []
        package var operations: [Entry] = []
        package var queued: [Entry] = []
        package var serviceTime: [Entry] = []
        package var waitTime: [Entry] = []
        package var merged: [Entry] = []
        package var time: [Entry] = []
        package var sectors: [Entry] = []
        package var pressure: Pressure?
    }

    package struct Hugepages: Equatable, Sendable {
        /// Bytes.
        package var usage: UInt64 = 0
        /// Bytes; not available on version 2.
        package var peak: UInt64 = 0
        package var failures: UInt64 = 0
    }
}
