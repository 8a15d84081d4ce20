import CLinux
import Glibc
import Linux
import Monitor
import MonitorProtocol
import Runtime
import Testing

/// CVE-2019-5736: the file that a monitor runs from, which is the file of every process that enters its container.
@Suite(.enabled(if: Sandbox.isPossible), .serialized, .timeLimit(.minutes(2)))
struct OverwriteTests {
    /// As what a container can do with /proc/PID/exe: changing it, and making its mount writable, for which it asks the kernel
    /// only that the caller may mount where he is.
    private func expectOutOfReach(_ pid: Int32) {
        let path = "/proc/\(pid)/exe"
        #expect(chmod(path, 0o755) == -1 && errno == EROFS)
        let file = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        #expect(
            linux_mount_setattr(file, "", linux_AT_EMPTY_PATH, 0, linux_MOUNT_ATTR_RDONLY, 0) == -EINVAL)
        #expect(chmod(path, 0o755) == -1 && errno == EROFS)
    }

    @Test func aMonitorOfTheDaemons() throws {
        let sandbox = Sandbox()
        let container = try sandbox.start(sandbox.spec(["sleep", "100"]))
        let first = try #require(container.events.started())
        let line = sandbox.text("/proc/\(first)/status").split(separator: "\n").first { $0.hasPrefix("PPid:") }
        expectOutOfReach(try #require(line.flatMap { Int32($0.dropFirst(6)) }))
        try container.link.signal(SIGKILL, exec: nil)
        _ = container.events.exit()
    }

    /// Started from the file itself.
    @Test func aMonitorByHand() throws {
        let sandbox = Sandbox()
        let pair = try LocalSocketPair(Int32(SOCK_SEQPACKET.rawValue))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pair.second.raw, Handshake.socket)
        let words: [UnsafeMutablePointer<CChar>?] = [strdup("gantry-monitor"), strdup(sandbox.run), nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        #expect(posix_spawn(&pid, Sandbox.executable, &actions, nil, words, environ) == 0)
        defer {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        // It has a working directory of its own once it has begun.
        var path = [CChar](repeating: 0, count: 16)
        for _ in 0..<5000 where !(readlink("/proc/\(pid)/cwd", &path, 15) == 1 && path[0] == 0x2f) { usleep(1000) }
        expectOutOfReach(pid)
        #expect(pair.first.raw >= 0)
    }
}
