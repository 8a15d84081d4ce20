internal import ByteText
internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Monitor
internal import Runtime

/// `create` and `run`.
enum CreateCommand {
    /// A container whose process is set up.
    struct Created {
        var record: StateRecord
        var pidfd: Int32
        var terminal: Int32
        var hooks: Hooks
        /// The socket on which its program reports readiness.
        var notify: (NotifySocket, Int32)?
    }

    static func create(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let created = try prepare(options, context, needsConsole: true, waits: true)
        close(created.pidfd)
        return 0
    }

    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let isDetached = options.has("detach")
        if !isDetached && !options.has("no-subreaper") { _ = linux_child_subreaper() }
        let created = try prepare(options, context, needsConsole: isDetached, waits: false)
        LifecycleCommands.runHooks(.poststart, created.hooks, created.record, context)
        return try finish(created, options, context)
    }

    /// Waits for a started container, unless it is detached.
    static func finish(
        _ created: Created, _ options: Options, _ context: RuntimeProgram.Context
    ) throws(LaunchFailure) -> Int32 {
        if options.has("detach") {
            if let (notify, socket) = created.notify {
                notify.forward(socket, until: created.pidfd, main: created.record.pid, context.log)
            }
            close(created.pidfd)
            return 0
        }
        if let (notify, socket) = created.notify {
            notify.forwardBeside(socket, until: created.pidfd, context.log)
        }
        let code = Foreground.wait(created.pidfd, terminal: created.terminal)
        if !options.has("keep") { try LifecycleCommands.remove(created.record, created.hooks, context) }
        return code
    }

    /// With `waits` the process stops at a gate before its program, until `start`.
    private static func prepare(
        _ options: Options, _ context: RuntimeProgram.Context, needsConsole: Bool, waits: Bool
    ) throws(LaunchFailure) -> Created {
        var creation = try ContainerCreation(options, context, needsConsole: needsConsole, waits: waits)
        do throws(LaunchFailure) {
            return try creation.start()
        } catch {
            try creation.discard()
            throw error
        }
    }
}

/// The caller's descriptors that the program inherits besides the standard streams.
struct InheritedDescriptors {
    var count: Int32 = 0
    var environment: [String] = []

    /// `--preserve-fds`, after those of systemd's socket activation (sd_listen_fds(3)) if they are for this process.
    init(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) {
        func variable(_ name: String) -> Int32? { getenv(name).flatMap { Int32(String(cString: $0)) } }
        if let listening = variable("LISTEN_FDS"), listening > 0, variable("LISTEN_PID") == getpid() {
            count = listening
            environment = ["LISTEN_FDS=\(listening)", "LISTEN_PID=1"]
        }
        let preserved = try options.number("preserve-fds") ?? 0
        guard preserved >= 0 else { throw LaunchFailure("--preserve-fds \(preserved): not a number of descriptors") }
        let total = Int(count) + preserved
        // A descriptor that the caller did not open would be one of this program's own and lead out of the container.
        guard total <= Int(context.openAtStart) else {
            throw LaunchFailure(
                "--preserve-fds \(preserved): descriptor \(3 + context.openAtStart) is not open")
        }
        count = Int32(total)
    }
}
