internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// The commands about a container that exists.
enum LifecycleCommands {
    private static func record(
        _ words: [String], _ context: RuntimeProgram.Context, flags: Set<String> = [], valued: Set<String> = []
    ) throws(LaunchFailure) -> (ContainerRecord, Options) {
        let options = try Options(words, flags: flags, valued: valued)
        return (try ContainerRecord.load(try options.identifier(), context.root), options)
    }

    static func start(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let (record, _) = try record(words, context)
        try open(record, context)
        if let configuration = try? BundleConfiguration(
            try Files.read(record.bundle + "/config.json"), bundle: record.bundle)
        {
            runHooks(configuration.poststartHooks, record.document(context.root))
        }
        return 0
    }

    /// Lets the container's process go on.
    static func open(_ record: ContainerRecord, _ context: RuntimeProgram.Context) throws(LaunchFailure) {
        let status = record.status(context.root)
        guard status == "created" else {
            throw LaunchFailure("cannot start a container in the \(status) state")
        }
        let path = ContainerRecord.gate(record.id, context.root)
        let gate = Glibc.open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        guard gate >= 0 else { throw Files.failure("start container \(record.id)") }
        defer { close(gate) }
        // Gone first: a second start finds nothing.
        guard unlink(path) == 0 else { throw LaunchFailure("container \(record.id) is being started already") }
        guard write(gate, "s", 1) == 1 else { throw Files.failure("start container \(record.id)") }
    }

    /// After the fact: a failure is told, and nothing is undone (runtime-spec, lifecycle).
    static func runHooks(_ hooks: [BundleConfiguration.Hook], _ document: @autoclosure () -> JSON) {
        guard !hooks.isEmpty else { return }
        let state = document()
        for hook in hooks {
            do throws(LaunchFailure) {
                try Hooks.run(hook, state)
            } catch {
                RuntimeProgram.report(error, RuntimeProgram.Context(root: ""))
            }
        }
    }

    static func state(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let (record, _) = try record(words, context)
        print(record.document(context.root).text(indent: "  "))
        return 0
    }

    static func kill(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let (record, options) = try record(words, context, flags: ["all", "a"])
        let number = try Signals.number(options.rest.dropFirst().first ?? "SIGTERM")
        if options.has("all", "a") {
            guard let cgroup = record.openCgroup() else { return 0 }
            if number == SIGKILL {
                cgroup.kill()
            } else {
                for pid in cgroup.processes() { Glibc.kill(pid, number) }
            }
            return 0
        }
        guard let process = record.process() else { throw LaunchFailure("container not running") }
        let result = linux_pidfd_send_signal(process.raw, number)
        guard result == 0 else {
            throw LaunchFailure("kill container \(record.id): \(SystemError("", code: -result).reason)")
        }
        return 0
    }

    static func delete(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let options = try Options(words, flags: ["f", "force"], valued: [])
        let id = try options.identifier()
        let isForced = options.has("f", "force")
        if isForced && access(ContainerRecord.directory(id, context.root), F_OK) != 0 { return 0 }
        let record: ContainerRecord
        do throws(LaunchFailure) {
            record = try ContainerRecord.load(id, context.root)
        } catch {
            guard isForced else { throw error }
            record = ContainerRecord(id: id)
        }
        let status = record.status(context.root)
        if status == "running" || status == "paused" || (status == "created" && isForced) {
            guard isForced else {
                throw LaunchFailure("cannot delete container \(id) that is not stopped: \(status)")
            }
        }
        try remove(record, context)
        return 0
    }

    /// Ends what still runs and removes everything that is left.
    static func remove(_ record: ContainerRecord, _ context: RuntimeProgram.Context) throws(LaunchFailure) {
        if let process = record.process() {
            _ = linux_pidfd_send_signal(process.raw, SIGKILL)
            var wait = pollfd(fd: process.raw, events: Int16(POLLIN), revents: 0)
            _ = poll(&wait, 1, 10000)
        }
        if let cgroup = record.openCgroup() {
            cgroup.kill()
            guard cgroup.remove() else { throw LaunchFailure("remove cgroup \(record.cgroup): it is still in use") }
        }
        if let configuration = try? BundleConfiguration(
            try Files.read(record.bundle + "/config.json"), bundle: record.bundle)
        {
            runHooks(configuration.poststopHooks, record.document(context.root))
        }
        let directory = ContainerRecord.directory(record.id, context.root)
        unlink(ContainerRecord.gate(record.id, context.root))
        unlink(directory + "/state.json")
        guard rmdir(directory) == 0 else { throw Files.failure("remove \(directory)") }
    }

    static func list(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let options = try Options(words, flags: ["q", "quiet"], valued: ["f", "format"])
        var records: [ContainerRecord] = []
        if let stream = opendir(context.root) {
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if !name.hasPrefix("."), let record = try? ContainerRecord.load(name, context.root) {
                    records.append(record)
                }
            }
            closedir(stream)
        }
        records.sort { $0.id < $1.id }
        if options.has("q", "quiet") {
            for record in records { print(record.id) }
        } else if options.value("f", "format") == "json" {
            print(JSON.array(records.map { $0.document(context.root) }).text())
        } else {
            let rows =
                [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
                + records.map { record in
                    let document = record.document(context.root)
                    return [
                        record.id, String(document["pid"]?.intValue ?? 0), document["status"]?.stringValue ?? "",
                        record.bundle, record.created, "root",
                    ]
                }
            let widths = (0..<6).map { column in max(12, (rows.map { $0[column].count }.max() ?? 0) + 4) }
            for row in rows {
                print(
                    row.enumerated().map { column, text in
                        column == 5 ? text : text + String(repeating: " ", count: widths[column] - text.count)
                    }.joined())
            }
        }
        return 0
    }

    static func processes(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let (record, options) = try record(words, context, valued: ["f", "format"])
        let pids = record.openCgroup()?.processes() ?? []
        if options.value("f", "format") == "json" {
            print(JSON.array(pids.map { JSON($0) }).text())
            return 0
        }
        print("PID     CMD")
        for pid in pids {
            let bytes = (try? Files.read("/proc/\(pid)/cmdline")) ?? []
            let command = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
            let number = String(pid)
            print(number + String(repeating: " ", count: max(1, 8 - number.count)) + command)
        }
        return 0
    }

    static func freeze(
        _ words: [String], _ context: RuntimeProgram.Context, _ isFrozen: Bool
    ) throws(LaunchFailure) -> Int32 {
        let (record, _) = try record(words, context)
        do throws(CgroupError) {
            if isFrozen { try record.openCgroup()?.freeze() } else { try record.openCgroup()?.thaw() }
        } catch {
            throw LaunchFailure(error.description)
        }
        return 0
    }

    static func update(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let (record, options) = try record(
            words, context,
            valued: [
                "r", "resources", "memory", "memory-swap", "memory-reservation", "cpu-share", "cpu-quota", "cpu-period",
                "cpuset-cpus", "cpuset-mems", "pids-limit",
            ])
        var limits = CgroupLimits()
        if let path = options.value("r", "resources") {
            let bytes = try Files.read(path == "-" ? "/dev/stdin" : path)
            guard let document = try? JSON.parse(bytes) else { throw LaunchFailure("update: \(path) is not JSON") }
            limits = try CgroupLimits(oci: document)
        }
        func number(_ name: String) -> Int64? { options.value(name).flatMap { Int64($0) } }
        limits.memory = number("memory") ?? limits.memory
        limits.memorySwap = number("memory-swap") ?? limits.memorySwap
        limits.memoryReservation = number("memory-reservation") ?? limits.memoryReservation
        limits.cpuShares = number("cpu-share").map { UInt64(clamping: $0) } ?? limits.cpuShares
        limits.cpuQuota = number("cpu-quota") ?? limits.cpuQuota
        limits.cpuPeriod = number("cpu-period").map { UInt64(clamping: $0) } ?? limits.cpuPeriod
        limits.cpusetCpus = options.value("cpuset-cpus") ?? limits.cpusetCpus
        limits.cpusetMems = options.value("cpuset-mems") ?? limits.cpusetMems
        limits.pids = number("pids-limit") ?? limits.pids
        do throws(CgroupError) {
            try record.openCgroup()?.apply(limits)
        } catch {
            throw LaunchFailure(error.description)
        }
        return 0
    }
}
