internal import Glibc
internal import Linux
internal import Runtime

/// `ROOT/ID`: the record, a copy of the bundle's config.json, and the FIFO (gate) at which the process waits until `start`.
///
/// The directory is locked during creation: unlocked without a finished record means that the creation was interrupted. Uses the
/// directory's descriptor, so that a directory deleted and created again meanwhile is never written to.
struct StateDirectory: ~Copyable {
    private let descriptor: Descriptor
    let path: String

    private init(descriptor: consuming Descriptor, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    static func path(_ id: String, _ root: String) -> String { root + "/" + id }

    /// Creates and locks the directory. Only one of two concurrent callers succeeds.
    static func create(_ id: String, _ root: String) throws(LaunchFailure) -> StateDirectory {
        try Files.makeDirectory(root, mode: 0o700)
        let path = path(id, root)
        guard mkdir(path, 0o700) == 0 else {
            if errno == EEXIST { throw LaunchFailure("container with given ID already exists: \(id)") }
            throw Files.failure("create \(path)")
        }
        do throws(SystemError) {
            let descriptor = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
            _ = flock(descriptor.raw, LOCK_EX | LOCK_NB)
            return StateDirectory(descriptor: descriptor, path: path)
        } catch {
            throw LaunchFailure("create \(path): \(error.reason)")
        }
    }

    static func open(_ id: String, _ root: String) throws(LaunchFailure) -> StateDirectory {
        let path = path(id, root)
        do throws(SystemError) {
            return StateDirectory(descriptor: try Descriptor.open(path, O_RDONLY | O_DIRECTORY), path: path)
        } catch {
            throw LaunchFailure("container does not exist: \(id)")
        }
    }

    static func isBeingCreated(_ id: String, _ root: String) -> Bool {
        guard let directory = try? Descriptor.open(path(id, root), O_RDONLY | O_DIRECTORY) else { return false }
        return flock(directory.raw, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK
    }

    static func hasGate(_ id: String, _ root: String) -> Bool { access(path(id, root) + "/start", F_OK) == 0 }

    /// The container's own copy, because the bundle may change or disappear while it runs.
    static func configuration(_ id: String, _ root: String) throws(LaunchFailure) -> [UInt8] {
        try Files.read(path(id, root) + "/config.json")
    }

    func write(_ bytes: [UInt8], _ name: String) throws(LaunchFailure) {
        try Files.write(bytes, name, mode: 0o600, at: descriptor.raw)
    }

    func replace(_ bytes: [UInt8], _ name: String) throws(LaunchFailure) {
        try Files.replace(bytes, name, mode: 0o600, at: descriptor.raw)
    }

    /// Opens both ends of the gate: the reader blocks until `start` writes, whichever processes have exited meanwhile.
    func makeGate() throws(LaunchFailure) -> Descriptor {
        guard mkfifoat(descriptor.raw, "start", 0o600) == 0 else { throw Files.failure("create \(path)/start") }
        do throws(SystemError) {
            return try Descriptor.open("start", O_RDWR, at: descriptor.raw)
        } catch {
            throw LaunchFailure("open \(path)/start: \(error.reason)")
        }
    }

    /// Releases the process. Only one of two concurrent callers finds the gate.
    func passGate(_ id: String) throws(LaunchFailure) {
        let gate: Descriptor
        do throws(SystemError) {
            gate = try Descriptor.open("start", O_WRONLY | O_NONBLOCK, at: descriptor.raw)
        } catch {
            throw LaunchFailure("cannot start an already running container: \(id)")
        }
        guard unlinkat(descriptor.raw, "start", 0) == 0 else {
            throw LaunchFailure("cannot start an already running container: \(id)")
        }
        guard Glibc.write(gate.raw, "s", 1) == 1 else { throw Files.failure("start container \(id)") }
        // Waits for execve, which closes the process's end and completes `start` (runtime-spec, lifecycle): only then hooks run
        // and signals reach the program. A process that delays its execve delays only this command.
        var end = pollfd(fd: gate.raw, events: 0, revents: 0)
        while poll(&end, 1, 10000) < 0 && errno == EINTR {}
    }

    /// Removes the directory and its content; no error when it does not exist.
    func remove() throws(LaunchFailure) {
        // The usual files first; mostly there are no others.
        for name in ["config.json", StateRecord.file] { unlinkat(descriptor.raw, name, 0) }
        if rmdir(path) == 0 { return }
        unlinkat(descriptor.raw, NotifySocket.stateName, 0)
        for name in Directory.names(in: "/proc/self/fd/\(descriptor.raw)") {
            if unlinkat(descriptor.raw, name, 0) < 0 { unlinkat(descriptor.raw, name, AT_REMOVEDIR) }
        }
        guard rmdir(path) == 0 || errno == ENOENT || errno == ENOTEMPTY else { throw Files.failure("remove \(path)") }
    }
}
