internal import ByteText
internal import Glibc
package import MonitorProtocol

/// The small files a monitor keeps in its run directory for a daemon that comes later.
enum RunFiles {
    static let socket = "monitor.sock"
    static let state = "state"
    static let exit = "exit"

    /// Writes `name=value` lines beside and renames them into place. Not synced: they live on a tmpfs and die with the boot.
    static func write(_ name: String, _ values: [(String, String)], in directory: String) {
        let text = values.map { "\($0)=\($1)\n" }.joined()
        let path = directory + "/" + name
        let temporary = path + ".new"
        let handle = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard handle >= 0 else { return }
        let bytes = Array(text.utf8)
        let written = Glibc.write(handle, bytes, bytes.count)
        close(handle)
        if written == bytes.count { rename(temporary, path) } else { unlink(temporary) }
    }

    static func read(_ name: String, in directory: String) -> [String: String]? {
        let handle = open(directory + "/" + name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard handle >= 0 else { return nil }
        defer { close(handle) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(handle, &bytes, bytes.count)
        guard count > 0 else { return nil }
        var values: [String: String] = [:]
        for line in String(decoding: bytes[..<count], as: UTF8.self).split(byte: "\n") {
            let parts = line.split(byte: "=", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        return values
    }

    static func remove(_ name: String, in directory: String) { unlink(directory + "/" + name) }

    /// Field 22 of /proc/PID/stat; 0 when it is gone.
    static func startTime(of pid: Int32) -> UInt64 {
        let handle = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard handle >= 0 else { return 0 }
        defer { close(handle) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = Glibc.read(handle, &bytes, bytes.count)
        guard count > 0, let end = bytes[..<count].lastIndex(of: 0x29) else { return 0 }
        let fields = bytes[(end + 1)..<count].split(separator: 0x20)
        // The first field after the name is number 3.
        guard fields.count > 19 else { return 0 }
        return UInt64(String(decoding: fields[19], as: UTF8.self)) ?? 0
    }
}

extension MonitorExit {
    /// What a monitor that has ended left behind.
    package static func readExit(runDirectory: String) -> MonitorExit? {
        guard let values = RunFiles.read(RunFiles.exit, in: runDirectory),
            let code = values["code"].flatMap({ Int32($0) })
        else { return nil }
        return MonitorExit(
            code: code, signal: values["signal"].flatMap { Int32($0) } ?? 0, oomKilled: values["oomKilled"] == "true",
            finishedAt: values["finishedAt"] ?? "")
    }

    func write(runDirectory: String) {
        RunFiles.write(
            RunFiles.exit,
            [
                ("code", String(code)), ("signal", String(signal)), ("oomKilled", oomKilled ? "true" : "false"),
                ("finishedAt", finishedAt),
            ], in: runDirectory)
    }
}

extension MonitorState {
    /// What the monitor wrote when it started the container.
    package static func readState(runDirectory: String) -> MonitorState? {
        guard let values = RunFiles.read(RunFiles.state, in: runDirectory),
            let pid = values["pid"].flatMap({ Int32($0) })
        else { return nil }
        return MonitorState(
            pid: pid, startTime: values["startTime"].flatMap { UInt64($0) } ?? 0,
            monitorPid: values["monitor"].flatMap { Int32($0) } ?? 0)
    }

    func write(runDirectory: String) {
        RunFiles.write(
            RunFiles.state,
            [("pid", String(pid)), ("startTime", String(startTime)), ("monitor", String(monitorPid))],
            in: runDirectory)
    }
}
