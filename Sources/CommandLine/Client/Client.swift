internal import Glibc
internal import JSON
internal import Linux

/// The client of the Engine API: blocking, one connection kept for the next request.
///
/// Paths carry no version: the daemon then speaks its newest one, and no round trip is spent on negotiating.
/// DOCKER_API_VERSION asks for another.
final class Client {
    typealias Query = [(String, String)]

    let endpoint: DaemonEndpoint
    private let version: String?
    /// What the user's configuration adds to every request.
    private let headers: Query
    /// Opens a connection; may start a daemon first.
    private let connect: () throws(CommandError) -> Socket
    private var idle: ClientConnection?

    init(
        _ endpoint: DaemonEndpoint, version: String?, headers: Query = [],
        connect: @escaping () throws(CommandError) -> Socket
    ) {
        self.endpoint = endpoint
        self.version = version
        self.headers = headers
        self.connect = connect
    }

    // MARK: Whole answers

    /// Sends a request and reads its whole answer. Statuses from 400 on are errors with the daemon's message.
    @discardableResult
    func call(
        _ method: String, _ path: String, query: Query = [], body: JSON? = nil, headers: Query = []
    ) throws(CommandError) -> [UInt8] {
        let (head, connection) = try send(method, path, query: query, body: body, headers: headers)
        let bytes = try connection.readAll()
        keep(connection)
        if head.status >= 400 { throw Client.refusal(head, bytes) }
        return bytes
    }

    func get(_ path: String, query: Query = []) throws(CommandError) -> JSON {
        try Client.parse(call("GET", path, query: query))
    }

    func post(_ path: String, query: Query = [], body: JSON? = nil) throws(CommandError) -> JSON {
        let bytes = try call("POST", path, query: query, body: body)
        return bytes.isEmpty ? .null : try Client.parse(bytes)
    }

    static func parse(_ bytes: [UInt8]) throws(CommandError) -> JSON {
        do {
            return try JSON.parse(bytes)
        } catch {
            throw CommandError("the daemon's answer is not JSON: \(error)")
        }
    }

    // MARK: Streams

    /// Sends a request whose answer is read piece by piece from the connection returned.
    func stream(
        _ method: String, _ path: String, query: Query = [], body: JSON? = nil, headers: Query = []
    ) throws(CommandError) -> ClientConnection {
        let (head, connection) = try send(method, path, query: query, body: body, headers: headers)
        if head.status >= 400 { throw Client.refusal(head, try connection.readAll()) }
        return connection
    }

    /// Gives a connection back for the next request, when it is fit for one.
    func keep(_ connection: ClientConnection) {
        if connection.isReusable { idle = connection }
    }

    /// Sends a request with a body of unknown length, chunked. `produce` returns empty at the end.
    func upload(
        _ path: String, query: Query, produce: () throws(CommandError) -> [UInt8]
    ) throws(CommandError) -> ClientConnection {
        let connection = ClientConnection(try connect())
        let head = requestHead(
            "POST", path, query,
            [
                ("Content-Type", "application/x-tar"), ("Transfer-Encoding", "chunked"),
            ])
        do {
            try connection.send(head)
            while true {
                let piece = try produce()
                try connection.send(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10])
                if piece.isEmpty { break }
            }
        } catch let error as CommandError {
            throw error
        } catch {
            // The daemon answers early when it refuses; its words say more than a broken pipe.
        }
        guard let answer = try connection.readHead() else { throw closed }
        if answer.status >= 400 { throw Client.refusal(answer, try connection.readAll()) }
        return connection
    }

    // MARK: Hijacked connections

    /// Sends a request that takes its connection over. The answer's head is read by ``finishHijack(_:)``.
    func beginHijack(_ path: String, query: Query = [], body: JSON? = nil) throws(CommandError) -> ClientConnection {
        let connection = ClientConnection(try connect())
        let upgrade = [("Connection", "Upgrade"), ("Upgrade", "tcp")]
        do {
            try connection.send(request("POST", path, query, body, upgrade))
        } catch {
            throw CommandError("error during connect: \(error)")
        }
        return connection
    }

    func finishHijack(_ connection: ClientConnection) throws(CommandError) {
        guard let head = try connection.readHead() else { throw closed }
        if head.status >= 400 { throw Client.refusal(head, try connection.readAll()) }
    }

    /// Sends a request on a connection of its own; its head is read by ``finishStream(_:)``.
    func beginStream(_ method: String, _ path: String, query: Query) throws(CommandError) -> ClientConnection {
        let connection = ClientConnection(try connect())
        do {
            try connection.send(request(method, path, query, nil, []))
        } catch {
            throw CommandError("error during connect: \(error)")
        }
        return connection
    }

    func finishStream(_ connection: ClientConnection) throws(CommandError) {
        try finishHijack(connection)
    }

    // MARK: Requests

    private func send(
        _ method: String, _ path: String, query: Query, body: JSON?, headers: Query
    ) throws(CommandError) -> (ResponseHead, ClientConnection) {
        let bytes = request(method, path, query, body, headers)
        // A connection that stood idle may have been closed meanwhile: then the request never arrived.
        if let connection = idle {
            idle = nil
            if (try? connection.send(bytes)) != nil,
                let head = try? connection.readHead(hasBody: method != "HEAD")
            {
                return (head, connection)
            }
        }
        let connection = ClientConnection(try connect())
        do {
            try connection.send(bytes)
        } catch {
            throw CommandError("error during connect: \(error)")
        }
        guard let head = try connection.readHead(hasBody: method != "HEAD") else { throw closed }
        return (head, connection)
    }

    private func request(
        _ method: String, _ path: String, _ query: Query, _ body: JSON?, _ headers: Query
    ) -> [UInt8] {
        guard let body else {
            let length: Query = method == "POST" ? [("Content-Length", "0")] : []
            return requestHead(method, path, query, headers + length)
        }
        let bytes = body.serialized()
        return requestHead(
            method, path, query,
            headers + [("Content-Type", "application/json"), ("Content-Length", String(bytes.count))]) + bytes
    }

    private func requestHead(_ method: String, _ path: String, _ query: Query, _ headers: Query) -> [UInt8] {
        var text = "\(method) \(version.map { "/v\($0)" } ?? "")\(path)"
        for (index, (name, value)) in query.enumerated() {
            text += "\(index == 0 ? "?" : "&")\(name)=\(percentEncoded(value))"
        }
        text += " HTTP/1.1\r\nHost: gantry\r\nUser-Agent: gantry-cli/\(Version.client)\r\n"
        for (name, value) in self.headers + headers { text += "\(name): \(value)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    private var closed: CommandError {
        CommandError("the daemon at \(endpoint.text) closed the connection without an answer: EOF")
    }

    /// The daemon's refusal in its own words.
    static func refusal(_ head: ResponseHead, _ body: [UInt8]) -> CommandError {
        let text = String(decoding: body, as: UTF8.self).trimmed
        let json = try? JSON.parse(body)
        let message = json?["message"]?.stringValue ?? (text.isEmpty ? "status \(head.status)" : text)
        var error = CommandError("Error response from daemon: \(message.trimmed)", httpStatus: head.status)
        error.exitCode = json?["exitCode"]?.intValue.flatMap { Int32(exactly: $0) }
        return error
    }
}
