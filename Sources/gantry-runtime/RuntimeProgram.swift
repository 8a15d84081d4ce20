internal import CLinux
internal import Glibc
internal import JSON
internal import Monitor
internal import Runtime

/// The OCI runtime's command line.
enum RuntimeProgram {
    static let version = "0.1.0"

    struct Context {
        var root: String
        var log: String?
        var isJSON = false
    }

    static func run(_ words: [String]) -> Int32 {
        var context = Context(root: defaultRoot)
        do throws(LaunchFailure) {
            let global = try Options(
                words, flags: ["debug", "systemd-cgroup", "version", "v", "help", "h"],
                valued: ["root", "log", "log-format", "log-level", "rootless", "criu"], stopsAtFirst: true)
            if let root = global.value("root") { context.root = root }
            context.log = global.value("log")
            context.isJSON = global.value("log-format") == "json"
            if global.has("version", "v") {
                print("gantry-runtime version \(version)\nspec: 1.2.0")
                return 0
            }
            guard let command = global.rest.first, !global.has("help", "h") else {
                print(usage)
                return 0
            }
            return try perform(command, Array(global.rest.dropFirst()), context)
        } catch {
            report(error, context)
            return error.exitCode == 125 ? 1 : error.exitCode
        }
    }

    private static var defaultRoot: String {
        if geteuid() != 0, let directory = getenv("XDG_RUNTIME_DIR") {
            return String(cString: directory) + "/gantry-runtime"
        }
        return "/run/gantry-runtime"
    }

    private static func perform(
        _ command: String, _ words: [String], _ context: Context
    ) throws(LaunchFailure) -> Int32 {
        switch command {
        case "create": return try CreateCommand.create(words, context)
        case "run": return try CreateCommand.run(words, context)
        case "start": return try LifecycleCommands.start(words, context)
        case "state": return try LifecycleCommands.state(words, context)
        case "kill": return try LifecycleCommands.kill(words, context)
        case "delete": return try LifecycleCommands.delete(words, context)
        case "list": return try LifecycleCommands.list(words, context)
        case "ps": return try LifecycleCommands.processes(words, context)
        case "pause": return try LifecycleCommands.freeze(words, context, true)
        case "resume": return try LifecycleCommands.freeze(words, context, false)
        case "update": return try LifecycleCommands.update(words, context)
        case "exec": return try ExecCommand.run(words, context)
        case "features":
            print(Documents.features.text(indent: "\t"))
            return 0
        case "spec": return try Documents.spec(words)
        case "help":
            print(usage)
            return 0
        default: throw LaunchFailure("unknown command: \(command); see gantry-runtime --help")
        }
    }

    /// On standard error, and in the log file the caller reads (containerd and conmon want JSON).
    static func report(_ failure: LaunchFailure, _ context: Context) {
        let text = Array("gantry-runtime: \(failure.message)\n".utf8)
        _ = write(2, text, text.count)
        guard let path = context.log else { return }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        let line: String
        if context.isJSON {
            let record: JSON = [
                "level": "error", "msg": .string(failure.message), "time": .string(Timestamp.now()),
            ]
            line = record.text() + "\n"
        } else {
            line = "time=\"\(Timestamp.now())\" level=error msg=\(JSON.string(failure.message).text())\n"
        }
        _ = write(file, line, line.utf8.count)
    }

    private static let usage = """
        gantry-runtime: an OCI runtime

        usage: gantry-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND

          create  [-b BUNDLE] [--pid-file FILE] [--console-socket PATH] ID   set a container up, without its program
          start   ID                                                      run the program of a container
          run     [-d] [-b BUNDLE] [--pid-file FILE] ID                   create and start
          exec    [-t] [-d] [--process FILE] [-e NAME=V] [-u UID:GID] ID CMD   run another process in a container
          state   ID                                                      print the state as JSON
          list    [-q] [-f json]                                          print all containers
          ps      [-f json] ID                                            print the processes of a container
          kill    [--all] ID [SIGNAL]                                     send a signal (SIGTERM)
          pause, resume ID                                                stop and continue all processes
          update  [-r FILE] ID                                            change limits
          delete  [-f] ID                                                 remove what a container leaves
          spec    [-b BUNDLE]                                             write an example config.json
          features                                                        print what is supported
        """
}
