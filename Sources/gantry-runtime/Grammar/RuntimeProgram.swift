internal import ByteText
internal import CLinux
internal import Flags
internal import Glibc
internal import JSON
internal import Linux
internal import MonitorProtocol
internal import Runtime

/// The OCI runtime's command line.
enum RuntimeProgram {
    static let version = Handshake.release

    /// The global options and environment.
    struct Context {
        var root: String
        var log = Log()
        var criu = "criu"
        /// Skip limits that an unprivileged user may not set, instead of failing.
        var isRootless = false
        /// `cgroupsPath` has systemd's form.
        var namesSlices = false
        /// How many descriptors after the standard streams were open at the start.
        var openAtStart: Int32 = 0
    }

    private static let grammar = Grammar(
        name: "", summary: "an OCI runtime with runc's command line",
        usage: "[global options] COMMAND [options] [ARGUMENT...]",
        flags: [
            .toggle("debug", help: "log more"),
            .valued("log", help: "file to log to (default: standard error)"),
            .valued("log-format", help: "text or json (default: text)"),
            .valued("log-level", help: "error, warning, info or debug (default: info)"),
            .valued("root", help: "directory of the containers' state (default: \(defaultRoot))"),
            .valued("criu", help: "the criu program for checkpoint and restore (default: criu)"),
            .toggle("systemd-cgroup", help: "cgroupsPath is slice:prefix:name, a scope of systemd's where that runs"),
            .valued("cgroup-manager", help: "crun's word for it: cgroupfs, or systemd as above"),
            .valued(
                "rootless", help: "true, false or auto: go on without the cgroups that may not be made (default: auto)"),
            .toggle("help", "h", help: "show this"),
            .toggle("version", "v", help: "print the version"),
        ], arguments: 0...Int.max, endsAtFirstWord: true)

    static func run(_ words: [String]) -> Int32 {
        var context = Context(root: defaultRoot)
        while fcntl(3 + context.openAtStart, F_GETFD) >= 0 { context.openAtStart += 1 }
        var command: RuntimeCommand?
        do throws(LaunchFailure) {
            let global = try Options(words, grammar)
            try context.read(global)
            if global.has("version") {
                print("gantry-runtime version \(version)\nspec: \(Documents.specification)")
                return 0
            }
            guard let name = global.rest.first, name != "help", !global.has("help") else {
                print(help, terminator: "")
                return 0
            }
            command = RuntimeCommand.allCases.first { $0.rawValue == name }
            guard let command else { throw LaunchFailure("unknown command \"\(name)\"; see gantry-runtime --help") }
            let grammar = command.grammar
            let options = try Options(Array(global.rest.dropFirst()), grammar)
            if options.has("help") {
                print(grammar.help(), terminator: "")
                return 0
            }
            if command.entersContainers { try OwnProgram.protect() }
            return try command.perform(options, context)
        } catch {
            context.log.fail(error.message)
            // As runc: callers of exec distinguish the program's exit code from the runtime's.
            return command == .exec ? 255 : 1
        }
    }

    private static var help: String {
        grammar.help(commands: RuntimeCommand.allCases.map { ($0.rawValue, $0.grammar.summary) })
    }

    private static var defaultRoot: String {
        guard !isRoot, let directory = getenv("XDG_RUNTIME_DIR") else { return "/run/gantry-runtime" }
        return String(cString: directory) + "/gantry-runtime"
    }

    /// As in runc: root in a user namespace still counts as the unprivileged user, unless told otherwise.
    static var isRoot: Bool {
        geteuid() == 0 && (!isRootless || getenv("USER").map { String(cString: $0) } == "root")
    }

    /// An unprivileged user, including root in a user namespace (rootless Podman).
    fileprivate static let isRootless = !ProcessCredentials.areOfRoot
}

extension RuntimeProgram.Context {
    fileprivate mutating func read(_ options: Options) throws(LaunchFailure) {
        log.path = options.value("log").flatMap { $0.isEmpty || $0 == "/dev/stderr" ? nil : $0 }
        if let root = options.value("root") { self.root = root }
        if let program = options.value("criu") { criu = program }
        let format = options.value("log-format") ?? "text"
        guard format == "text" || format == "json" else {
            throw LaunchFailure("invalid log-format \(format): text or json")
        }
        log.isJSON = format == "json"
        if let name = options.value("log-level") {
            guard let level = Log.Level(name) else {
                throw LaunchFailure("invalid log-level \(name): error, warning, info or debug")
            }
            log.level = level
        }
        if options.has("debug") { log.level = .debug }
        let manager = options.value("cgroup-manager") ?? "cgroupfs"
        guard manager == "cgroupfs" || manager == "systemd" else {
            throw LaunchFailure("invalid cgroup-manager \(manager): cgroupfs or systemd")
        }
        namesSlices = options.has("systemd-cgroup") || manager == "systemd"
        switch options.value("rootless") ?? "auto" {
        case "auto": isRootless = RuntimeProgram.isRootless
        case "true": isRootless = true
        case "false": isRootless = false
        case let other: throw LaunchFailure("invalid rootless \(other): true, false or auto")
        }
    }
}

extension RuntimeCommand {
    fileprivate func perform(
        _ options: Options, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> Int32 {
        switch self {
        case .create: return try CreateCommand.create(options, context)
        case .run: return try CreateCommand.run(options, context)
        case .start: return try LifecycleCommands.start(options, context)
        case .state: return try ListingCommands.state(options, context)
        case .kill: return try LifecycleCommands.kill(options, context)
        case .delete: return try LifecycleCommands.delete(options, context)
        case .list: return try ListingCommands.list(options, context)
        case .ps: return try ListingCommands.processes(options, context)
        case .pause: return try LifecycleCommands.pause(options, context)
        case .resume: return try LifecycleCommands.resume(options, context)
        case .update: return try UpdateCommand.run(options, context)
        case .events: return try EventsCommand.run(options, context)
        case .checkpoint: return try CheckpointCommand.run(options, context)
        case .restore: return try RestoreCommand.run(options, context)
        case .exec: return try ExecCommand.run(options, context)
        case .features:
            print(Documents.features.text(indent: "    "))
            return 0
        case .spec: return try ExampleBundle.write(options)
        }
    }
}
