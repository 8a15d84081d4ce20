internal import ByteText
internal import JSON
internal import Linux

/// The head of an HTTP answer.
struct ResponseHead: Equatable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
}

/// One HTTP/1.1 connection: a request at a time, its body read in pieces, then the next request or, after an
/// upgrade, raw bytes.
final class ClientConnection {
    private enum Body {
        case none
        case length(Int)
        case chunked(left: Int, isFirst: Bool)
        case untilClose
    }

    let socket: Socket
    private var buffer: [UInt8] = []
    private var start = 0
    private var body = Body.none
    private var mustClose = false

    init(_ socket: Socket) {
        self.socket = socket
    }

    /// Whether the answer has been read to its end and the server keeps the connection.
    var isReusable: Bool {
        if case .none = body { return !mustClose }
        return false
    }

    /// How much has been received and not been read.
    var bufferedCount: Int { buffer.count - start }

    func send(_ bytes: [UInt8]) throws(SystemError) { try socket.send(bytes) }

    // MARK: Heads

    /// Reads an answer's head, past any `100 Continue`. Nil when the server closed before its first byte.
    func readHead(hasBody: Bool = true) throws(CommandError) -> ResponseHead? {
        while true {
            guard let status = try readLine(endIsFine: true) else { return nil }
            let words = status.split(byte: " ", maxSplits: 2)
            guard words.count >= 2, words[0].hasBytePrefix("HTTP/1."), let code = Int(words[1]) else {
                throw CommandError("the answer is not HTTP: \(quoted(String(status.prefix(80))))")
            }
            var head = ResponseHead(status: code, headers: [:])
            while let line = try readLine(), !line.isEmpty {
                guard let colon = line.firstIndex(ofByte: ":") else { continue }
                head.headers[line[..<colon].lowercased()] = String(line[line.utf8.index(after: colon)...]).trimmed
            }
            if code == 100 { continue }
            mustClose = words[0] == "HTTP/1.0" || head.headers["connection"]?.lowercased() == "close"
            if code == 101 || code == 204 || code == 304 || !hasBody {
                body = .none
            } else if head.headers["transfer-encoding"]?.lowercased() == "chunked" {
                body = .chunked(left: 0, isFirst: true)
            } else if let length = head.headers["content-length"].flatMap({ Int($0) }), length >= 0 {
                body = length == 0 ? .none : .length(length)
            } else {
                body = .untilClose
            }
            return head
        }
    }

    private func readLine(endIsFine: Bool = false) throws(CommandError) -> String? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 10) {
                var line = buffer[start..<end]
                if line.last == 13 { line = line.dropLast() }
                start = end + 1
                return String(decoding: line, as: UTF8.self)
            }
            searched = buffer.count
            if buffer.count - start > 1 << 20 { throw CommandError("the daemon's answer has an endless head") }
            let before = start
            if try !fill() {
                if endIsFine, buffer.count == before { return nil }
                throw CommandError("the daemon closed the connection in the middle of an answer: unexpected EOF")
            }
            searched -= before - start
        }
    }

    /// Receives more; false at the end.
    private func fill() throws(CommandError) -> Bool {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        do {
            let more = try socket.receive()
            buffer += more
            return !more.isEmpty
        } catch {
            throw CommandError("error during connect: \(error)")
        }
    }

    // MARK: Bodies

    /// The next piece of the body; nil at its end.
    func readPiece() throws(CommandError) -> [UInt8]? {
        switch body {
        case .none:
            return nil
        case .untilClose:
            if start < buffer.count { return take(buffer.count - start) }
            if try fill() { return take(buffer.count - start) }
            body = .none
            mustClose = true
            return nil
        case .length(let left):
            if start == buffer.count, try !fill() { throw cutShort }
            let piece = take(min(left, buffer.count - start))
            body = left == piece.count ? .none : .length(left - piece.count)
            return piece
        case .chunked(let left, let isFirst):
            return try readChunk(left, isFirst)
        }
    }

    private func readChunk(_ size: Int, _ isFirst: Bool) throws(CommandError) -> [UInt8]? {
        var left = size
        if left == 0 {
            if !isFirst { _ = try readLine() }
            guard let line = try readLine(), let size = line.split(byte: ";").first,
                let number = Int(String(size).trimmed, radix: 16), number >= 0
            else { throw CommandError("the daemon's answer has a malformed chunk") }
            if number == 0 {
                while let line = try readLine(), !line.isEmpty {}
                body = .none
                return nil
            }
            left = number
        }
        if start == buffer.count, try !fill() { throw cutShort }
        let piece = take(min(left, buffer.count - start))
        body = .chunked(left: left - piece.count, isFirst: false)
        return piece
    }

    private var cutShort: CommandError {
        CommandError("the daemon closed the connection in the middle of an answer: unexpected EOF")
    }

    private func take(_ count: Int) -> [UInt8] {
        let piece = Array(buffer[start..<start + count])
        start += count
        return piece
    }

    func readAll() throws(CommandError) -> [UInt8] {
        var all: [UInt8] = []
        while let piece = try readPiece() { all += piece }
        return all
    }

    /// What arrived behind the head of a hijacked connection; from now on the socket is the caller's.
    func takeOver() -> [UInt8] {
        let rest = Array(buffer[start...])
        buffer = []
        start = 0
        body = .none
        mustClose = true
        return rest
    }
}
