internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import OCI
internal import Runtime

/// `events`: prints counters periodically and out-of-memory events, one JSON document per line.
enum EventsCommand {
    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        let text = options.value("interval") ?? "5s"
        guard let interval = GoDuration.nanoseconds(text) else {
            throw LaunchFailure("invalid value \"\(text)\" for flag --interval: a duration has the form 1m30s or 500ms")
        }
        guard interval > 0 else { throw LaunchFailure("duration interval must be greater than 0") }
        guard record.status(context.root) != .stopped else {
            throw LaunchFailure("container with id \(record.id) is not running")
        }
        let cgroup = try record.limited()
        if options.has("stats") {
            printEvent("stats", record.id, StatisticsDocument(cgroup).json)
            return 0
        }
        try follow(record, cgroup, every: interval)
        return 0
    }

    /// Runs until the container has stopped.
    private static func follow(
        _ record: StateRecord, _ cgroup: Cgroup, every interval: Int64
    ) throws(LaunchFailure) {
        guard let process = record.process() else { return }
        var memory: OutOfMemoryEvents
        do throws(CgroupError) {
            memory = try OutOfMemoryEvents(cgroup)
        } catch {
            throw LaunchFailure(error.description)
        }
        var next = monotonicNanoseconds() + interval
        while true {
            var polls = [
                pollfd(fd: memory.descriptor.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: process.raw, events: Int16(POLLIN), revents: 0),
            ]
            let rest = max(0, (next - monotonicNanoseconds() + 999_999) / 1_000_000)
            if poll(&polls, 2, Int32(clamping: rest)) < 0 && errno != EINTR { return }
            if polls[0].revents != 0 {
                let report = memory.next()
                for _ in 0..<report.count { printEvent("oom", record.id, nil) }
                if report.isOver { return }
            }
            if polls[1].revents != 0 {
                for _ in 0..<memory.rest() { printEvent("oom", record.id, nil) }
                return
            }
            if monotonicNanoseconds() >= next {
                printEvent("stats", record.id, StatisticsDocument(cgroup).json)
                next += interval
            }
        }
    }

    /// Writes whole lines, for readers on a pipe.
    private static func printEvent(_ type: String, _ id: String, _ data: JSON?) {
        var members: [(String, JSON)] = [("type", .string(type)), ("id", .string(id))]
        if let data { members.append(("data", data)) }
        let line = JSON.object(JSONObject(members)).text() + "\n"
        _ = write(1, line, line.utf8.count)
    }
}
