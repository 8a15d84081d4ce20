internal import ByteText
internal import CLinux
internal import Glibc
package import JSON
internal import Linux

/// A program that is run at a step of a container's life cycle, with the state on its standard input (runtime-spec,
/// "POSIX-platform Hooks").
package struct Hook: Equatable, Sendable {
    /// In life-cycle order.
    package enum Kind: String, CaseIterable, Sendable {
        /// In the runtime's namespaces, after the container's were created and before its root is entered.
        case prestart, createRuntime
        /// In the container's namespaces, before pivot_root.
        case createContainer
        /// In the container, before its program.
        case startContainer
        /// In the runtime's namespaces; failures are only reported.
        case poststart, poststop
    }

    package var path: String
    /// Including argv[0]; never empty.
    package var args: [String]
    /// nil: the environment of the process that runs the hook, as in runc and crun.
    package var env: [String]?
    /// Seconds until it is killed; nil for no limit.
    package var timeout: Int32?

    fileprivate init(_ document: JSON) throws(LaunchFailure) {
        path = document["path"]?.stringValue ?? ""
        guard path.hasBytePrefix("/") else {
            throw LaunchFailure("config.json: hook \(path): its path must be absolute")
        }
        let words = document["args"]?.arrayValue?.compactMap { $0.stringValue } ?? []
        args = words.isEmpty ? [path] : words
        env = document["env"]?.arrayValue?.compactMap { $0.stringValue }
        if let seconds = document["timeout"]?.intValue {
            guard seconds > 0 else { throw LaunchFailure("config.json: hook \(path): its timeout must be above 0") }
            timeout = Int32(clamping: min(seconds, 2_000_000))
        }
    }

    /// Runs the hook to its end, in the open directory `directory` if given. `inherited` is the environment of a hook without its
    /// own; nil means this program's.
    ///
    /// Its output goes into the error message, because the standard streams belong to the container.
    fileprivate func run(
        _ state: [UInt8], in directory: Int32?, _ inherited: [String]?, _ name: String
    ) throws(LaunchFailure) {
        let input = try Self.memory(name) { () throws(SystemError) in try SealedMemory.make(state, name: "state") }
        let output = try Self.memory(name) { () throws(SystemError) in try Self.empty("output") }
        let errors = try Self.memory(name) { () throws(SystemError) in try Self.empty("errors") }
        try libraryStep(name, Int32(lseek(input.raw, 0, SEEK_SET)))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in [input.raw, output.raw, errors.raw].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, file, Int32(number))
        }
        if let directory { try step(name, linux_spawn_in(&actions, directory)) }
        let arguments: [UnsafeMutablePointer<CChar>?] = args.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?]?
        if let env = env ?? inherited { environment = env.map { strdup($0) } + [nil] }
        defer { for text in arguments + (environment ?? []) { free(text) } }
        var pid: pid_t = 0
        let result =
            if let environment {
                posix_spawn(&pid, path, &actions, nil, arguments, environment)
            } else {
                posix_spawn(&pid, path, &actions, nil, arguments, environ)
            }
        guard result == 0 else { throw LaunchFailure("\(name): \(SystemError("", code: result).reason)") }
        guard let end = wait(pid) else { return }
        throw LaunchFailure("\(name): \(end), stdout: \(Self.text(output)), stderr: \(Self.text(errors))")
    }

    private static func memory(
        _ name: String, _ make: () throws(SystemError) -> Descriptor
    ) throws(LaunchFailure) -> Descriptor {
        do throws(SystemError) { return try make() } catch { throw LaunchFailure("\(name): \(error.reason)") }
    }

    private static func empty(_ name: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: Int32(try checking("memfd_create") { Int(linux_memfd(name)) }))
    }

    /// A description of the failure; nil on success.
    private func wait(_ pid: pid_t) -> String? {
        var late = false
        if let timeout {
            let handle = linux_pidfd_open(pid)
            var event = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
            late = handle >= 0 && poll(&event, 1, timeout * 1000) == 0
            if late { kill(pid, SIGKILL) }
            if handle >= 0 { close(handle) }
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        if late { return "it ran for more than \(timeout ?? 0) s and was killed" }
        if status & 0x7f != 0 { return "killed by signal \(status & 0x7f)" }
        return status == 0 ? nil : "exit status \(status >> 8)"
    }

    private static func text(_ file: borrowing Descriptor) -> String {
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = pread(file.raw, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        return String(text.reversed().drop { $0 == "\n" }.reversed())
    }
}

/// All hooks of a bundle.
package struct Hooks: Sendable {
    /// Few entries, searched linearly.
    private var lists: [(kind: Hook.Kind, hooks: [Hook])] = []

    package init() {}

    package init(_ document: JSON?) throws(LaunchFailure) {
        for kind in Hook.Kind.allCases {
            var list: [Hook] = []
            for item in document?[kind.rawValue]?.arrayValue ?? [] { list.append(try Hook(item)) }
            if !list.isEmpty { lists.append((kind, list)) }
        }
    }

    package var kinds: [Hook.Kind] { lists.map(\.kind) }

    package func has(_ kinds: Hook.Kind...) -> Bool { kinds.contains { !list($0).isEmpty } }

    private func list(_ kind: Hook.Kind) -> [Hook] { lists.first { $0.kind == kind }?.hooks ?? [] }

    /// Runs all hooks of a kind in order, until one fails.
    package func run(
        _ kind: Hook.Kind, _ state: JSON, in directory: Int32? = nil, inheriting environment: [String]? = nil
    ) throws(LaunchFailure) {
        for (index, hook) in list(kind).enumerated() {
            try hook.run(state.serialized(), in: directory, environment, Self.name(kind, index, hook))
        }
    }

    /// Runs all hooks of a kind even if some fail; calls `failed` for each failure (runtime-spec, "Lifecycle").
    package func runAll(_ kind: Hook.Kind, _ state: JSON, failed: (LaunchFailure) -> Void) {
        for (index, hook) in list(kind).enumerated() {
            do throws(LaunchFailure) {
                try hook.run(state.serialized(), in: nil, nil, Self.name(kind, index, hook))
            } catch {
                failed(error)
            }
        }
    }

    private static func name(_ kind: Hook.Kind, _ index: Int, _ hook: Hook) -> String {
        "error running \(kind.rawValue) hook #\(index) (\(hook.path))"
    }
}

/// The container's state as passed to hooks.
package struct HookState: Sendable {
    package var id: String
    package var bundle: String
    package var annotations: JSONObject

    package init(id: String, bundle: String, annotations: JSONObject) {
        self.id = id
        self.bundle = bundle
        self.annotations = annotations
    }

    /// The state document (runtime-spec, "State"). `pid` as the hook sees it; absent for a stopped container.
    package func document(_ status: String, pid: Int32) -> JSON {
        var members: [(String, JSON)] = [("ociVersion", "1.2.0"), ("id", .string(id)), ("status", .string(status))]
        if pid > 0 { members.append(("pid", JSON(pid))) }
        members.append(("bundle", .string(bundle)))
        if !annotations.isEmpty { members.append(("annotations", .object(annotations))) }
        return .object(JSONObject(members))
    }
}

/// The hooks that the container's process itself runs during set-up.
package struct ContainerHooks: Sendable {
    package var hooks: Hooks
    package var state: HookState

    package init(hooks: Hooks, state: HookState) {
        self.hooks = hooks
        self.state = state
    }

    /// Runs the hooks in the working directory `directory`, with this process's pid as the container sees it. Host programs never
    /// get the container's `environment`, which could make them load its files (CVE-2025-23266); container programs never get the
    /// host's.
    func run(
        _ kind: Hook.Kind, in directory: Int32? = nil, inheriting environment: [String]? = nil
    ) throws(LaunchFailure) {
        guard hooks.has(kind) else { return }
        try hooks.run(kind, state.document("created", pid: getpid()), in: directory, inheriting: environment)
    }
}
