internal import Glibc
internal import Runtime

/// The freezer of version 1 that a process may have been moved to by somebody else: there SIGKILL does not end it.
enum Freezer {
    static func release(_ pid: Int32) {
        guard let text = try? Files.read("/proc/\(pid)/cgroup") else { return }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1] == "freezer", parts[2] != "/" else { continue }
            let state = open("/sys/fs/cgroup/freezer\(parts[2])/freezer.state", O_WRONLY | O_CLOEXEC)
            guard state >= 0 else { return }
            _ = write(state, "THAWED", 6)
            close(state)
        }
    }
}
