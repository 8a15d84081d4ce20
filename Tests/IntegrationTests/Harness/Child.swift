import Foundation
import Glibc

/// What a command said and how it ended.
struct Output: Sendable, CustomStringConvertible {
    var command: String
    /// The exit code, or 128 + n after signal n, as a shell reports it.
    var status: Int32
    var out: String
    var err: String

    var lines: [String] { out.split(separator: "\n").map(String.init) }
    var trimmed: String { out.trimmingCharacters(in: .whitespacesAndNewlines) }
    var description: String { "`\(command)` ended with \(status)\nout: \(out)\nerr: \(err)" }
}

struct HarnessError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// A process with pipes or a terminal of its own, read and written by whoever owns it; nothing runs in the background.
final class Child {
    enum Wiring {
        case pipes
        case terminal(rows: Int, columns: Int)
    }

    let pid: pid_t
    let name: String
    /// The terminal's path, for `stty -F`.
    let terminal: String?
    private(set) var out: [UInt8] = []
    private(set) var err: [UInt8] = []
    private var input: Int32
    private var outputs: [Int32]
    private var status: Int32?

    static let ignoreBrokenPipes: Void = { _ = Glibc.signal(SIGPIPE, SIG_IGN) }()

    init(_ arguments: [String], environment: [String: String] = [:], wiring: Wiring = .pipes) throws {
        _ = Child.ignoreBrokenPipes
        name = arguments.joined(separator: " ")
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        // The threads that run tests have every signal blocked, and a child would inherit that.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        var inside: [Int32] = []
        switch wiring {
        case .pipes:
            posix_spawnattr_setflags(&attributes, Int16(flags))
            var pairs: [[Int32]] = []
            for _ in 0..<3 {
                var pair: [Int32] = [0, 0]
                guard pipe(&pair) == 0 else { throw HarnessError("pipe: errno \(errno)") }
                for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
                pairs.append(pair)
            }
            input = pairs[0][1]
            outputs = [pairs[1][0], pairs[2][0]]
            inside = [pairs[0][0], pairs[1][1], pairs[2][1]]
            for (number, descriptor) in inside.enumerated() {
                posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
            }
            terminal = nil
        case .terminal(let rows, let columns):
            // POSIX_SPAWN_SETSID: the first terminal that a session leader opens becomes its controlling one.
            posix_spawnattr_setflags(&attributes, Int16(flags | 0x80))
            let (master, path) = try PseudoTerminal.open()
            terminal = path
            input = master
            outputs = [master]
            posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
            try Child.resize(path, rows: rows, columns: columns)
        }
        var merged = ProcessInfo.processInfo.environment
        merged.merge(environment) { $1 }
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            argv.forEach { free($0) }
            envp.forEach { free($0) }
            inside.forEach { _ = close($0) }
        }
        var id = pid_t()
        let code = posix_spawnp(&id, arguments[0], &actions, &attributes, &argv, &envp)
        pid = id
        guard code == 0 else { throw HarnessError("cannot start \(arguments[0]): errno \(code)") }
        for descriptor in Set(outputs + [input]) { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        // Of a program that could not be started there is no process, and 0 would be this one with all of its group.
        if status == nil, pid > 0 {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        Set(outputs + [input]).filter { $0 >= 0 }.forEach { _ = close($0) }
    }

    var outText: String { String(decoding: out, as: UTF8.self) }
    var errText: String { String(decoding: err, as: UTF8.self) }

    /// Reads what is there, waiting for at most `milliseconds`; false when every output is closed.
    @discardableResult
    func pump(_ milliseconds: Int32 = 50) -> Bool {
        var polls = outputs.filter { $0 >= 0 }.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard !polls.isEmpty else { return false }
        guard poll(&polls, nfds_t(polls.count), milliseconds) > 0 else { return true }
        var buffer = [UInt8](repeating: 0, count: 65536)
        for ready in polls where ready.revents != 0 {
            let count = read(ready.fd, &buffer, buffer.count)
            if count > 0 {
                if outputs.first == ready.fd {
                    out += buffer[..<count]
                } else {
                    err += buffer[..<count]
                }
            } else if count == 0 || errno != EAGAIN {
                // A terminal ends with EIO; it is also the input and is closed with it.
                if let index = outputs.firstIndex(of: ready.fd) { outputs[index] = -1 }
                if ready.fd == input { input = -1 }
                close(ready.fd)
            }
        }
        return outputs.contains { $0 >= 0 }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                pump(10)
            } else {
                throw HarnessError("cannot write to `\(name)`: errno \(errno); it said \(outText) \(errText)")
            }
        }
    }

    /// End of input; a terminal's is Ctrl-D.
    func closeInput() throws {
        if terminal != nil { return try send([4]) }
        if input >= 0 { close(input) }
        input = -1
    }

    /// Waits until the output has `text` at or behind `offset`; a guard against hanging, not a measurement.
    func expect(_ text: String, after offset: Int = 0, seconds: Double = 30) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !String(decoding: out.dropFirst(offset), as: UTF8.self).contains(text) {
            let open = pump()
            if !open, !String(decoding: out.dropFirst(offset), as: UTF8.self).contains(text) {
                throw HarnessError("`\(name)` ended without \"\(text)\"; it said: \(outText) \(errText)")
            }
            if Date() > deadline {
                throw HarnessError("`\(name)` did not say \"\(text)\" in \(seconds) s; it said: \(outText) \(errText)")
            }
        }
    }

    func resize(rows: Int, columns: Int) throws {
        if let terminal { try Child.resize(terminal, rows: rows, columns: columns) }
    }

    private static func resize(_ path: String, rows: Int, columns: Int) throws {
        let result = try command(["stty", "-F", path, "rows", "\(rows)", "cols", "\(columns)"])
        if result.status != 0 { throw HarnessError(result.description) }
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// Reads until every output is closed and the process has ended.
    func wait(seconds: Double = 90) throws -> Output {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while status == nil {
            let open = pump()
            var code: Int32 = 0
            if waitpid(pid, &code, open ? WNOHANG : (Date() > deadline ? 0 : WNOHANG)) == pid {
                status = code & 0x7f == 0 ? (code >> 8) & 0xff : 128 + (code & 0x7f)
                // What is left in the pipes. Nothing behind it: an output that a daemon inherited would stay open.
                while pump(0), outputs.contains(where: { $0 >= 0 }), hasMore() {}
                break
            }
            if !open { usleep(2000) }
            if Date() > deadline {
                kill(pid, SIGKILL)
                waitpid(pid, nil, 0)
                status = 137
                throw HarnessError("`\(name)` was still running after \(seconds) s; it said: \(outText) \(errText)")
            }
        }
        return Output(command: name, status: status ?? -1, out: outText, err: errText)
    }

    private func hasMore() -> Bool {
        var polls = outputs.filter { $0 >= 0 }.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        return poll(&polls, nfds_t(polls.count), 0) > 0
    }

    /// Whether something still holds the other end of the outputs once the process has ended.
    var outputsAreOpen: Bool {
        pump(0)
        return outputs.contains { $0 >= 0 }
    }
}

/// Runs a command to its end.
@discardableResult
func command(
    _ arguments: [String], environment: [String: String] = [:], input: [UInt8]? = nil, seconds: Double = 90
) throws -> Output {
    let child = try Child(arguments, environment: environment)
    if let input { try? child.send(input) }
    try child.closeInput()
    return try child.wait(seconds: seconds)
}

/// Runs a command that must succeed, and returns its output without the final newline.
@discardableResult
func succeed(_ arguments: [String], environment: [String: String] = [:], input: [UInt8]? = nil) throws -> String {
    let result = try command(arguments, environment: environment, input: input)
    guard result.status == 0 else { throw HarnessError(result.description) }
    return result.trimmed
}

/// Asks again until the answer is yes; a guard against hanging, not a measurement.
func eventually(_ what: String, seconds: Double = 30, _ condition: () throws -> Bool) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while !(try condition()) {
        if Date() > deadline { throw HarnessError("not within \(seconds) s: \(what)") }
        usleep(20000)
    }
}
