/// CPU scheduling of a process (sched_setattr(2)); times in nanoseconds.
package struct Scheduling: Equatable, Sendable {
    package var policy: UInt32 = 0
    package var flags: UInt64 = 0
    package var nice: Int32 = 0
    package var priority: UInt32 = 0
    package var runtime: UInt64 = 0
    package var deadline: UInt64 = 0
    package var period: UInt64 = 0

    package init() {}

    /// SCHED_* numbers.
    static let policies: [String: UInt32] = [
        "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
        "SCHED_DEADLINE": 6,
    ]
    static let flagNames: [String: UInt64] = [
        "SCHED_FLAG_RESET_ON_FORK": 1, "SCHED_FLAG_RECLAIM": 2, "SCHED_FLAG_DL_OVERRUN": 4,
        "SCHED_FLAG_KEEP_POLICY": 8, "SCHED_FLAG_KEEP_PARAMS": 0x10, "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
        "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
    ]
}

/// I/O priority of a process (ioprio_set(2)).
package struct IOPriority: Equatable, Sendable {
    /// IOPRIO_CLASS_*.
    package var kind: Int32
    /// 0 (highest) to 7.
    package var level: Int32

    package init(kind: Int32, level: Int32) {
        self.kind = kind
        self.level = level
    }

    static let kinds: [String: Int32] = ["IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3]
}
