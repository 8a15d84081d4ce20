/// How the kernel shares its processors with a process (sched_setattr(2)); times in nanoseconds.
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

/// Whose input and output comes first (ioprio_set(2)).
package struct IOPriority: Equatable, Sendable {
    /// IOPRIO_CLASS_*.
    package var kind: Int32
    /// 0, the first, to 7.
    package var level: Int32

    static let kinds: [String: Int32] = ["IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3]
}

extension ProcessSpec {
    func encodeAttributes(to writer: inout BinaryWriter) {
        writer.put(isLenient)
        writer.put(clampsLimits)
        writer.put(scheduling != nil)
        if let scheduling {
            writer.put(scheduling.policy)
            writer.put(scheduling.flags)
            writer.put(scheduling.nice)
            writer.put(scheduling.priority)
            for time in [scheduling.runtime, scheduling.deadline, scheduling.period] { writer.put(time) }
        }
        writer.put(ioPriority != nil)
        if let ioPriority {
            writer.put(ioPriority.kind)
            writer.put(ioPriority.level)
        }
        writer.put(personality != nil)
        if let personality { writer.put(personality) }
        writer.put(initialAffinity)
        writer.put(finalAffinity)
        writer.put(seccompFlags)
        writer.put(seccompNotifies)
        for text in [keyring, appArmorProfile, seLinuxLabel] { writer.put(text) }
    }

    mutating func decodeAttributes(from reader: inout BinaryReader) throws(LaunchFailure) {
        isLenient = try reader.bool()
        clampsLimits = try reader.bool()
        if try reader.bool() {
            var value = Scheduling()
            value.policy = try reader.integer()
            value.flags = try reader.integer()
            value.nice = try reader.integer()
            value.priority = try reader.integer()
            value.runtime = try reader.integer()
            value.deadline = try reader.integer()
            value.period = try reader.integer()
            scheduling = value
        }
        if try reader.bool() { ioPriority = IOPriority(kind: try reader.integer(), level: try reader.integer()) }
        if try reader.bool() { personality = try reader.integer() }
        initialAffinity = try reader.data()
        finalAffinity = try reader.data()
        seccompFlags = try reader.integer()
        seccompNotifies = try reader.bool()
        keyring = try reader.string()
        appArmorProfile = try reader.string()
        seLinuxLabel = try reader.string()
    }
}
