internal import ByteText
internal import CLinux
internal import Glibc
package import JSON
internal import Linux

/// A program that is told of a step in a container's life, with the state on its standard input (runtime-spec,
/// "POSIX-platform Hooks").
package struct Hook: Equatable, Sendable {
    /// In the order of a container's life.
    package enum Kind: String, CaseIterable, Sendable {
        /// In the caller's namespaces, when the container's are made and before its root is entered.
        case prestart, createRuntime
        /// In the container's namespaces, where the host's files are still seen.
        case createContainer
        /// In the container, before its program.
        case startContainer
        /// In the caller's namespaces; their failures undo nothing.
        case poststart, poststop
    }

    package var path: String
    /// With the name in front; never empty.
    package var args: [String]
    /// nil: that of whoever runs it, as with runc and crun.
    package var env: [String]?
    /// Seconds until it is killed; nil for none.
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

    /// Runs it to its end; in the directory that is open at `directory`, where one is given. `inherited` is the
    /// environment of a hook that has none of its own; nil is this program's.
    ///
    /// What it prints is kept for the error message: the standard streams are the container's.
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

    /// How it failed; nil when it did not.
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
    /// A handful of them: searched from end to end.
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

    /// Runs all of a kind, one after the other, until one fails.
    package func run(
        _ kind: Hook.Kind, _ state: JSON, in directory: Int32? = nil, inheriting environment: [String]? = nil
    ) throws(LaunchFailure) {
        for (index, hook) in list(kind).enumerated() {
            try hook.run(state.serialized(), in: directory, environment, Self.name(kind, index, hook))
        }
    }

    /// Runs all of a kind whatever becomes of them; `failed` is told (runtime-spec, "Lifecycle").
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

/// What hooks are told of a container.
package struct HookState: Sendable {
    package var id: String
    package var bundle: String
    package var annotations: JSONObject

    package init(id: String, bundle: String, annotations: JSONObject) {
        self.id = id
        self.bundle = bundle
        self.annotations = annotations
    }

    /// The state document (runtime-spec, "State"). `pid` is as the hook sees it; a container that has ended has none.
    package func document(_ status: String, pid: Int32) -> JSON {
        var members: [(String, JSON)] = [("ociVersion", "1.2.0"), ("id", .string(id)), ("status", .string(status))]
        if pid > 0 { members.append(("pid", JSON(pid))) }
        members.append(("bundle", .string(bundle)))
        if !annotations.isEmpty { members.append(("annotations", .object(annotations))) }
        return .object(JSONObject(members))
    }
}

/// The hooks that the container's own process runs while it is set up.
package struct ContainerHooks: Sendable {
    package var hooks: Hooks
    package var state: HookState

    package init(hooks: Hooks, state: HookState) {
        self.hooks = hooks
        self.state = state
    }

    /// In the working directory at `directory`, with the number that the container knows this process by. Programs of
    /// the host never get the container's `environment`, which can make them load its files (CVE-2025-23266); those of
    /// the container never get the host's.
    func run(
        _ kind: Hook.Kind, in directory: Int32? = nil, inheriting environment: [String]? = nil
    ) throws(LaunchFailure) {
        guard hooks.has(kind) else { return }
        try hooks.run(kind, state.document("created", pid: getpid()), in: directory, inheriting: environment)
    }
}
