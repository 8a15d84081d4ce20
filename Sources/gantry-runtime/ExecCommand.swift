internal import CLinux
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// `exec`.
enum ExecCommand {
    static func run(_ words: [String], _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let options = try Options(
            words, flags: ["d", "detach", "t", "tty", "no-new-privs", "ignore-paused", "no-subreaper"],
            valued: [
                "process", "p", "cwd", "env", "e", "user", "u", "additional-gids", "g", "cap", "c", "pid-file",
                "console-socket", "preserve-fds", "cgroup", "apparmor", "process-label",
            ], stopsAtFirst: true)
        let record = try ContainerRecord.load(try options.identifier(), context.root)
        guard record.status(context.root) == "running", let target = record.process() else {
            throw LaunchFailure("cannot exec in a container that is not running")
        }
        var process = try Self.process(options, record)
        let configuration = try BundleConfiguration(
            try Files.read(record.bundle + "/config.json"), bundle: record.bundle)
        if let profile = configuration.seccomp {
            process.seccomp = try SeccompCache(directory: context.root + "/.seccomp").filter(
                for: profile, capabilities: process.capabilities.bounding)
        }
        let isDetached = options.has("d", "detach")
        let console = options.value("console-socket")
        guard !process.tty || !isDetached || console != nil else {
            throw LaunchFailure("cannot allocate tty if gantry-runtime will detach without setting console socket")
        }
        try ContainerJoin.enterProcesses(of: target.raw)
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw Files.failure("make the status socket")
        }
        defer { close(pair[0]) }
        let cgroups = record.openCgroup().map { CgroupJoin.all($0) } ?? []
        let child: ClonedProcess
        do throws(LaunchFailure) {
            child = try ContainerJoin.clone(
                process, target: target.raw, cgroups: cgroups, streams: ChildStreams(input: 0, output: 1, error: 2),
                status: pair[1])
        } catch {
            close(pair[1])
            throw error
        }
        close(pair[1])
        defer { close(child.pidfd) }
        var terminal: Int32 = -1
        try Foreground.waitUntilReady(pair[0], terminal: &terminal)
        if let console, terminal >= 0 {
            try ConsoleSocket.send(terminal, to: console)
            close(terminal)
            terminal = -1
        }
        if let path = options.value("pid-file") { try Files.write(Array(String(child.pid).utf8), path, mode: 0o644) }
        return isDetached ? 0 : Foreground.wait(child.pidfd, terminal: terminal)
    }

    private static func process(
        _ options: Options, _ record: ContainerRecord
    ) throws(LaunchFailure) -> ProcessSpec {
        if let path = options.value("process", "p") {
            guard let document = try? JSON.parse(try Files.read(path)) else {
                throw LaunchFailure("\(path): not a process document")
            }
            var process = try BundleConfiguration.process(document)
            if options.has("t", "tty") { process.tty = true }
            return process
        }
        let configuration = try BundleConfiguration(
            try Files.read(record.bundle + "/config.json"), bundle: record.bundle)
        var process = configuration.launch.process
        process.args = Array(options.rest.dropFirst())
        guard !process.args.isEmpty else { throw LaunchFailure("process args cannot be empty") }
        process.tty = options.has("t", "tty")
        process.env += options.all("env", "e")
        if let cwd = options.value("cwd") { process.cwd = cwd }
        if options.has("no-new-privs") { process.noNewPrivileges = true }
        if let user = options.value("user", "u") {
            // Numbers only, and whole ones: nothing that parses halfway may become root (CVE-2026-30892).
            let parts = user.split(separator: ":", omittingEmptySubsequences: false)
            let numbers = parts.compactMap { part in
                part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? UInt32(part) : nil
            }
            guard numbers.count == parts.count, (1...2).contains(numbers.count),
                numbers.allSatisfy({ $0 <= 0x7fff_ffff })
            else { throw LaunchFailure("user \(user): not UID[:GID]") }
            let gid = numbers.count > 1 ? numbers[1] : 0
            process.user = .ids(uid: numbers[0], gid: gid, groups: [gid])
        }
        let extra = Capability.mask(options.all("cap", "c"))
        // Never inheritable (CVE-2022-29162).
        process.capabilities.bounding |= extra
        process.capabilities.effective |= extra
        process.capabilities.permitted |= extra
        return process
    }
}
