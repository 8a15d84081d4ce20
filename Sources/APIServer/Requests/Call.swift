internal import ByteText
internal import DockerAPI
package import HTTP
internal import JSON
internal import NIOCore

/// One request to the API with what the route found in its path.
package struct Call: Sendable {
    package let request: HTTPRequest
    package let responder: HTTPResponder
    /// The version in the path, or the newest.
    package let version: ProtocolVersion
    /// The parts of the path that the route left open.
    let parameters: [String: String]

    /// The part of the path that the route calls `name`.
    func path(_ name: String) -> String { parameters[name] ?? "" }

    // MARK: Query

    func query(_ name: String) -> String? {
        guard let value = request.target[name], !value.isEmpty else { return nil }
        return value
    }

    /// Docker's idea of a truth value: everything but the usual words for no.
    func flag(_ name: String, default standard: Bool = false) -> Bool {
        guard let value = request.target[name] else { return standard }
        let word = value.filter { $0 != " " }.lowercased()
        return !["", "0", "no", "false", "none"].contains(word)
    }

    func integer(_ name: String) throws(APIError) -> Int? {
        guard let value = query(name) else { return nil }
        guard let number = Int(value) else {
            throw .badRequest("invalid value \"\(value)\" for \(name): it must be a whole number")
        }
        return number
    }

    func filters() throws(APIError) -> [String: [String]] {
        try FilterParameter.parse(query("filters"))
    }

    // MARK: Body

    /// The body's document; nil when there is no body.
    func optionalDocument() async throws -> JSON? {
        // Docker's command line calls an empty body text/plain.
        guard request.head.framing != .none else { return nil }
        try ContentType.requireJSON(request.headers["Content-Type"] ?? "")
        let bytes = try await request.body.collect(limit: 4 << 20)
        guard !bytes.isEmpty else { return nil }
        do {
            return try JSON.parse(bytes, refusesDuplicates: true)
        } catch {
            // Docker's words for it.
            if "\(error)".contains(bytes: " after the document") {
                throw APIError.badRequest("unexpected content after JSON: \(error)")
            }
            throw APIError.badRequest("invalid JSON: \(error)")
        }
    }

    func document() async throws -> JSON {
        guard let json = try await optionalDocument() else {
            throw APIError.badRequest("invalid JSON: got EOF while reading request body")
        }
        return json
    }

    func decoded<Value: Decodable>(_ type: Value.Type, from json: JSON) throws(APIError) -> Value {
        do {
            return try JSONDecoding.decode(type, from: json)
        } catch {
            throw .badRequest("invalid JSON: \(error)")
        }
    }

    /// A document whose members are looked up by hand: those called like `names` but for their case must be one each.
    func document(naming names: [String]) async throws -> JSON {
        let json = try await document()
        do {
            try json.objectValue?.refuseClashes(among: names)
        } catch {
            throw APIError.badRequest("invalid JSON: \(error)")
        }
        return json
    }

    // MARK: Answer

    func answer(_ status: HTTPStatus, _ value: some Encodable) async throws {
        try await answer(status, bytes: JSONEncoding.encode(value))
    }

    func answer(_ status: HTTPStatus, json: JSON) async throws {
        try await answer(status, bytes: json.serialized())
    }

    func answer(_ status: HTTPStatus) async throws {
        try await responder.respond(status)
    }

    private func answer(_ status: HTTPStatus, bytes: [UInt8]) async throws {
        var buffer = ByteBufferAllocator().buffer(capacity: bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(0x0A as UInt8)
        try await responder.respond(status, ["Content-Type": "application/json"], body: buffer)
    }
}

/// Runs what must not be left half done to its end, even when the client goes away meanwhile.
func uninterrupted<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await Task(operation: body).value
}
