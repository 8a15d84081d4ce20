internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// Runs programs of the host: ps, criu and systemd's.
enum HostProgram {
    /// Returns the exit code, 128 + n after signal n. The program's output goes to standard error.
    static func run(_ name: String, _ arguments: [String]) throws(LaunchFailure) -> Int32 {
        wait(try spawn(name, arguments, output: 2))
    }

    /// Captures standard output, optionally with `errors`.
    static func capture(
        _ name: String, _ arguments: [String], errors: Bool = false
    ) throws(LaunchFailure) -> (output: String, code: Int32) {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe(&ends) == 0 else { throw LaunchFailure("run \(name): no pipe") }
        let reader = Descriptor(owning: ends[0])
        let pid: pid_t
        do {
            let writer = Descriptor(owning: ends[1])
            pid = try spawn(name, arguments, output: writer.raw, error: errors ? writer.raw : 2)
        }
        let bytes = (try? reader.readAll(limit: 64 << 20)) ?? []
        return (String(decoding: bytes, as: UTF8.self), wait(pid))
    }

    /// The last line of a failed program's output, or its exit code.
    static func reason(_ output: String, _ code: Int32) -> String {
        output.split(byte: "\n").last.map { String($0) } ?? "ended with \(code)"
    }

    /// A socket pair for talking to a program.
    static func channel(_ name: String, _ type: __socket_type) throws(LaunchFailure) -> LocalSocketPair {
        do throws(SystemError) {
            return try LocalSocketPair(Int32(type.rawValue))
        } catch {
            throw LaunchFailure("run \(name): \(error.reason)")
        }
    }

    /// Starts a program with these standard streams, and one more inherited descriptor with the same number.
    static func spawn(
        _ name: String, _ arguments: [String], input: Int32 = 0, output: Int32 = 1, error: Int32 = 2,
        inherited: Int32? = nil
    ) throws(LaunchFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (stream, number) in [(input, 0), (output, 1), (error, 2)] as [(Int32, Int32)] where stream != number {
            posix_spawn_file_actions_adddup2(&actions, stream, number)
        }
        // dup2 onto itself clears close-on-exec.
        if let inherited { posix_spawn_file_actions_adddup2(&actions, inherited, inherited) }
        let words: [UnsafeMutablePointer<CChar>?] = ([name] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, name, &actions, nil, words, environ)
        guard result == 0 else {
            throw LaunchFailure("run \(name): \(SystemError("", code: result).reason)")
        }
        return pid
    }

    static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }
}
