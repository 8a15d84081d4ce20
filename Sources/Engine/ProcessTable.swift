internal import ByteText
internal import DockerAPI
internal import Glibc
internal import Linux

/// What `ps` would say about some processes, read from /proc (proc(5)) without running `ps`.
struct ProcessTable {
    private let columns: [Column]

    private enum Column: String, CaseIterable {
        case uid = "UID"
        case user = "USER"
        case pid = "PID"
        case ppid = "PPID"
        case c = "C"
        case cpu = "%CPU"
        case mem = "%MEM"
        case vsz = "VSZ"
        case rss = "RSS"
        case tty = "TTY"
        case stat = "STAT"
        case start = "START"
        case stime = "STIME"
        case time = "TIME"
        case nice = "NI"
        case pgid = "PGID"
        case sid = "SID"
        case cmd = "CMD"
        case command = "COMMAND"
        case comm = "COMM"

        /// ps(1) heads the bare name like the whole command line.
        var heading: String { self == .comm ? "COMMAND" : rawValue }
    }

    /// The columns of `-o`; the words are ps(1)'s.
    private static let words: [String: Column] = [
        "uid": .uid, "user": .user, "euser": .user, "ruser": .user, "pid": .pid, "ppid": .ppid, "c": .c, "pcpu": .cpu,
        "%cpu": .cpu, "pmem": .mem, "%mem": .mem, "vsz": .vsz, "vsize": .vsz, "rss": .rss, "tty": .tty, "tt": .tty,
        "stat": .stat, "state": .stat, "s": .stat, "start": .start, "stime": .stime, "time": .time, "cputime": .time,
        "ni": .nice, "nice": .nice, "pgid": .pgid, "pgrp": .pgid, "sid": .sid, "sess": .sid, "cmd": .cmd,
        "args": .command,
        "command": .command, "comm": .comm, "ucmd": .comm,
    ]

    /// `-ef`, `aux`, or `-o pid,cmd`.
    init(arguments: String) throws(EngineError) {
        let words = arguments.split(byte: " ").map(String.init)
        if let position = words.firstIndex(where: { $0 == "-o" || $0 == "o" || $0.hasBytePrefix("-o") || $0 == "-eo" })
        {
            let list =
                words[position].hasBytePrefix("-o") && words[position].count > 2
                ? String(words[position].dropFirst(2)) : position + 1 < words.count ? words[position + 1] : ""
            var chosen: [Column] = []
            for word in list.split(byte: ",") {
                guard let column = Self.words[word.lowercased()] else {
                    throw .invalid(
                        "ps: unknown column \"\(word)\"; use pid, ppid, user, args, comm, rss, vsz, stat, time, …")
                }
                chosen.append(column)
            }
            guard chosen.contains(.pid) else { throw .invalid("Couldn't find PID field in ps output") }
            columns = chosen
        } else if words.contains(where: { $0.contains("u") && !$0.hasBytePrefix("-") }) {
            columns = [.user, .pid, .cpu, .mem, .vsz, .rss, .tty, .stat, .start, .time, .command]
        } else {
            columns = [.uid, .pid, .ppid, .c, .stime, .tty, .time, .cmd]
        }
    }

    func table(_ processes: [Int32]) throws(EngineError) -> ContainerTopResponse {
        let users = Self.userNames()
        var rows: [[String]] = []
        for pid in processes.sorted() {
            // A process may end while we look.
            guard let process = try? Process(pid) else { continue }
            rows.append(columns.map { process.value($0.rawValue, users: users) })
        }
        return ContainerTopResponse(Titles: columns.map(\.heading), Processes: rows)
    }

    /// Names of the host's users by number, as ps shows them.
    private static func userNames() -> [UInt32: String] {
        let bytes = (try? Descriptor.open("/etc/passwd", O_RDONLY).readAll(limit: 1 << 20)) ?? []
        var names: [UInt32: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(byte: "\n") {
            let fields = line.split(byte: ":", omittingEmptySubsequences: false)
            guard fields.count > 2, let uid = UInt32(fields[2]), names[uid] == nil else { continue }
            names[uid] = String(fields[0])
        }
        return names
    }
}

/// One process as /proc shows it.
private struct Process {
    let pid: Int32
    let uid: UInt32
    /// The fields of /proc/PID/stat behind the name: state, ppid, pgrp, session, tty, …
    let fields: [String]
    let name: String
    let command: String

    init(_ pid: Int32) throws(SystemError) {
        self.pid = pid
        let directory = try Descriptor.open("/proc/\(pid)", O_RDONLY | O_DIRECTORY)
        var status = Glibc.stat()
        guard fstat(directory.raw, &status) == 0 else { throw SystemError("fstat", code: errno) }
        uid = status.st_uid
        let text = String(
            decoding: try Descriptor.open("stat", O_RDONLY, at: directory.raw).readAll(limit: 1 << 16), as: UTF8.self)
        guard let open = text.firstIndex(ofByte: "("), let close = text.lastIndex(ofByte: ")") else {
            throw SystemError("read", "/proc/\(pid)/stat", code: EIO)
        }
        name = Self.printable(text[text.utf8.index(after: open)..<close])
        fields = text[text.utf8.index(after: close)...].words.map(String.init)
        let bytes = try Descriptor.open("cmdline", O_RDONLY, at: directory.raw).readAll(limit: 1 << 20)
        let words = Self.printable(
            String(decoding: bytes, as: UTF8.self).split(byte: "\0").joined(separator: " ")[...])
        command = words.isEmpty ? "[\(name)]" : words
    }

    /// As ps(1) prints what processes call themselves: a newline would begin another process, an escape command the terminal.
    private static func printable(_ text: Substring) -> String {
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) }
        guard text.unicodeScalars.contains(where: isControl) else { return String(text) }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "?" : $0 }))
    }

    private func number(_ index: Int) -> Int64 { index < fields.count ? Int64(fields[index]) ?? 0 : 0 }

    func value(_ column: String, users: [UInt32: String]) -> String {
        let ticks = max(1, Int64(sysconf(Int32(_SC_CLK_TCK))))
        let used = (number(11) + number(12)) / ticks
        let started = Self.bootTime + number(19) / ticks
        let age = max(1, Clock.nanoseconds() / 1_000_000_000 - started)
        switch column {
        case "UID", "USER": return users[uid] ?? String(uid)
        case "PID": return String(pid)
        case "PPID": return fields.count > 1 ? fields[1] : "0"
        case "PGID": return String(number(2))
        case "SID": return String(number(3))
        case "C": return String(min(99, used * 100 / age))
        case "%CPU": return "\(used * 1000 / age / 10).\(used * 1000 / age % 10)"
        case "%MEM":
            let share = number(21) * 1000 / max(1, Int64(sysconf(Int32(_SC_PHYS_PAGES))))
            return "\(share / 10).\(share % 10)"
        case "VSZ": return String(number(20) / 1024)
        case "RSS": return String(number(21) * Int64(sysconf(Int32(_SC_PAGESIZE))) / 1024)
        case "TTY": return Self.terminal(number(4))
        case "STAT": return fields.first ?? "?"
        case "NI": return String(number(16))
        case "STIME", "START": return Self.startTime(started)
        case "TIME": return Self.clock(used)
        case "COMM": return name
        default: return command
        }
    }

    private static func terminal(_ device: Int64) -> String {
        let major = (device >> 8) & 0xfff
        let minor = (device & 0xff) | ((device >> 12) & 0xfff00)
        return switch major {
        case 136...143: "pts/\((major - 136) * 256 + minor)"
        case 4: "tty\(minor)"
        default: "?"
        }
    }

    private static func clock(_ seconds: Int64) -> String {
        [seconds / 3600, seconds / 60 % 60, seconds % 60]
            .map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    /// `HH:MM` today, `MonDD` earlier.
    private static func startTime(_ seconds: Int64) -> String {
        var started = time_t(seconds)
        var now = time(nil)
        var then = tm()
        var today = tm()
        localtime_r(&started, &then)
        localtime_r(&now, &today)
        var text = [CChar](repeating: 0, count: 32)
        let isToday = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year
        let count = strftime(&text, text.count, isToday ? "%H:%M" : "%b%d", &then)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Seconds since 1970.
    private static let bootTime: Int64 = {
        let bytes = (try? Descriptor.open("/proc/stat", O_RDONLY).readAll(limit: 1 << 22)) ?? []
        let line = String(decoding: bytes, as: UTF8.self).split(byte: "\n").first { $0.hasBytePrefix("btime ") }
        return line.flatMap { Int64($0.dropFirst(6)) } ?? 0
    }()
}
