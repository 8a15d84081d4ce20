internal import CLinux
internal import Glibc
internal import Linux
internal import Runtime

/// Programs of the host that do a part of the work: ps and criu.
enum HostProgram {
    /// Its exit code, 128 + n after signal n. What it prints goes to standard error.
    static func run(_ name: String, _ arguments: [String]) throws(LaunchFailure) -> Int32 {
        wait(try spawn(name, arguments, output: 2))
    }

    /// Its standard output as well.
    static func capture(_ name: String, _ arguments: [String]) throws(LaunchFailure) -> (output: String, code: Int32) {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe(&ends) == 0 else { throw LaunchFailure("run \(name): no pipe") }
        let reader = Descriptor(owning: ends[0])
        let pid: pid_t
        do {
            let writer = Descriptor(owning: ends[1])
            pid = try spawn(name, arguments, output: writer.raw)
        }
        let bytes = (try? reader.readAll(limit: 64 << 20)) ?? []
        return (String(decoding: bytes, as: UTF8.self), wait(pid))
    }

    private static func spawn(
        _ name: String, _ arguments: [String], output: Int32
    ) throws(LaunchFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        let words: [UnsafeMutablePointer<CChar>?] = ([name] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, name, &actions, nil, words, environ)
        guard result == 0 else {
            throw LaunchFailure("run \(name): \(SystemError("", code: result).reason)")
        }
        return pid
    }

    private static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }
}
