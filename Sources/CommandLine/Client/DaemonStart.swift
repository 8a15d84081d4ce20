internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Starts `gantryd` in the background and waits until it answers.
struct DaemonStart {
    let endpoint: DaemonEndpoint
    private static let log = "/var/log/gantry/gantryd.log"

    func run() throws(CommandError) -> Socket {
        guard geteuid() == 0 else {
            throw CommandError(
                "no daemon listens on \(endpoint.text), and only root can start one: sudo gantryd", isUnreachable: true)
        }
        guard let program = DaemonStart.program() else {
            throw CommandError(
                "no daemon listens on \(endpoint.text), and gantryd is neither beside gantry nor in PATH",
                isUnreachable: true)
        }
        mkdir("/var/log/gantry", 0o755)
        Output.complain("starting gantryd (log: \(DaemonStart.log))")
        let before = DaemonStart.size(of: DaemonStart.log)
        let child = try DaemonStart.spawn(program)

        var ended = false
        do throws(SystemError) {
            if let socket = try wait(for: child, &ended) { return socket }
        } catch {
            throw CommandError("start gantryd: \(error)", isUnreachable: true)
        }
        throw failure(since: before, ended: ended)
    }

    /// Waits for the daemon's socket or its end. A daemon that adopts many containers takes a while; one that fails says so by
    /// ending.
    private func wait(for child: pid_t, _ ended: inout Bool) throws(SystemError) -> Socket? {
        guard case .unix(let path) = endpoint else { return nil }
        let watch = try DirectoryWatch()
        let number = linux_pidfd_open(child)
        guard number >= 0 else { throw SystemError("pidfd_open", code: -number) }
        let process = Descriptor(owning: number)
        var end = monotonicNanoseconds() + 30_000_000_000
        while true {
            // Watched first, then looked at: a socket that comes in between is not missed. It listens before its mode is changed.
            try watch.add(around: path)
            if let socket = try? Socket(connectedTo: endpoint) { return socket }
            let left = (end - monotonicNanoseconds()) / 1_000_000
            if left <= 0 { return nil }
            var events = [
                pollfd(fd: watch.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: ended ? -1 : process.raw, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&events, 2, Int32(left) + 1)
            watch.drain()
            if events[1].revents != 0 {
                var status: Int32 = 0
                ended = waitpid(child, &status, WNOHANG) == child
                // When another command started one at the same moment, ours ends and the other one answers soon.
                end = monotonicNanoseconds() + 200_000_000
            }
        }
    }

    private func failure(since offset: Int, ended: Bool) -> CommandError {
        let more = "more: tail -n 50 \(DaemonStart.log)"
        let state = ended ? "gantryd ended at once" : "gantryd does not answer on \(endpoint.text)"
        guard let line = DaemonStart.lastError(since: offset) else {
            return CommandError("\(state) and left nothing in its log; \(more)", isUnreachable: true)
        }
        return CommandError("\(state): \(line)\n\(more)", isUnreachable: true)
    }

    /// The last line about an error that was written behind `offset`, else the last line at all.
    private static func lastError(since offset: Int) -> String? {
        guard let file = try? Descriptor.open(log, O_RDONLY), let bytes = try? file.readAll(limit: 1 << 30) else {
            return nil
        }
        let lines = String(decoding: bytes.dropFirst(offset), as: UTF8.self).split(byte: "\n")
        let error = lines.last { line in
            let lower = line.lowercased()
            return lower.contains("error") || lower.contains("fatal")
        }
        return (error ?? lines.last).map { String($0).trimmed }
    }

    private static func size(of path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Beside this executable, else in PATH.
    private static func program() -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        var directories: [String] = []
        if count > 0 {
            let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            directories.append(path.split(byte: "/").dropLast().map { "/" + $0 }.joined())
        }
        let path = Environment()["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
        directories += path.split(byte: ":").map(String.init)
        return directories.lazy.map { $0 + "/gantryd" }.first { access($0, X_OK) == 0 }
    }

    private static func spawn(_ program: String) throws(CommandError) -> pid_t {
        let child = linux_spawn_background(program, log)
        guard child > 0 else {
            throw CommandError(
                "start gantryd: \(SystemError("posix_spawn", program, code: -child))", isUnreachable: true)
        }
        return child
    }
}
