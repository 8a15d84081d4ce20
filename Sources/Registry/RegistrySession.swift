internal import AsyncHTTPClient
internal import JSON
internal import NIOCore
internal import NIOHTTP1
package import OCI
internal import Store

/// One repository of one registry, for one pull.
package actor RegistrySession {
    let http: HTTPClient
    /// `library/busybox`
    let path: String
    let authority: String
    let credentials: RegistryCredentials?
    private let schemes: [String]
    private var scheme: String?
    private var authorization: String?

    /// A manifest or index as it came.
    package struct Document: Sendable {
        package let bytes: [UInt8]
        package let mediaType: String?
        package let digest: Digest
    }

    init(http: HTTPClient, path: String, authority: String, schemes: [String], credentials: RegistryCredentials?) {
        self.http = http
        self.path = path
        self.authority = authority
        self.schemes = schemes
        self.credentials = credentials
        if let token = credentials?.registryToken, !token.isEmpty { authorization = "Bearer " + token }
    }

    static let documentLimit = 4 << 20
    private static let accepted = [
        MediaType.manifest, MediaType.index, MediaType.dockerManifest, MediaType.dockerManifestList,
        MediaType.dockerSchema1Signed, MediaType.dockerSchema1,
    ].joined(separator: ", ")

    /// The document under a tag or digest. Its bytes match `digest`, and what the registry says about them.
    package func manifest(_ name: String, digest: Digest? = nil) async throws(RegistryError) -> Document {
        let answer = try await get("/v2/\(path)/manifests/\(name)", accept: Self.accepted)
        let bytes = try await answer.collect(limit: Self.documentLimit)
        let claimed = answer.header("Docker-Content-Digest").flatMap { try? Digest($0) }
        let expected = digest ?? claimed
        let actual = ContentHash.digest(of: bytes, expected?.algorithm ?? .sha256)
        if let expected, expected != actual { throw .mismatch(expected: expected, actual: actual) }
        let type = answer.header("Content-Type").map { String($0.prefix { $0 != ";" }) }
        return Document(bytes: bytes, mediaType: type, digest: actual)
    }

    /// A small blob, verified.
    package func document(_ descriptor: ContentDescriptor) async throws(RegistryError) -> [UInt8] {
        guard descriptor.size <= Self.documentLimit else {
            throw .invalid("document \(descriptor.digest) is larger than \(Self.documentLimit) bytes")
        }
        let answer = try await get("/v2/\(path)/blobs/\(descriptor.digest)")
        let bytes = try await answer.collect(limit: Self.documentLimit)
        let actual = ContentHash.digest(of: bytes, descriptor.digest.algorithm)
        if actual != descriptor.digest { throw .mismatch(expected: descriptor.digest, actual: actual) }
        return bytes
    }

    /// A blob in pieces, exactly `descriptor.size` bytes. A broken transfer is taken up where it stopped.
    ///
    /// The digest is the receiver's to verify: it sees every byte anyway.
    /// - Parameter receive: gets the next piece; false means that no more is wanted.
    package func blob(
        _ descriptor: ContentDescriptor, receive: @Sendable ([UInt8]) async -> Bool
    ) async throws(RegistryError) {
        var received: Int64 = 0
        var failures = 0
        while received < descriptor.size {
            let before = received
            do throws(RegistryError) {
                let answer = try await get("/v2/\(path)/blobs/\(descriptor.digest)", from: received)
                // Who does not know ranges starts again.
                var skipped = answer.status == 206 ? 0 : received
                var isWanted = true
                try await answer.forEach { (piece: [UInt8]) async throws(RegistryError) in
                    var piece = piece
                    if skipped > 0 {
                        let count = min(skipped, Int64(piece.count))
                        piece.removeFirst(Int(count))
                        skipped -= count
                        if piece.isEmpty { return true }
                    }
                    received += Int64(piece.count)
                    if received > descriptor.size {
                        throw .invalid("blob \(descriptor.digest) has more than \(descriptor.size) bytes")
                    }
                    isWanted = await receive(piece)
                    return isWanted
                }
                if !isWanted { return }
                if received < descriptor.size { throw .broken("unexpected EOF") }
            } catch {
                guard case .broken(let reason) = error else { throw error }
                failures = received > before ? 1 : failures + 1
                if failures > 5 { throw .broken("download of \(descriptor.digest) failed: \(reason)") }
                try await Self.pause(failures)
            }
        }
    }

    // MARK: Requests

    /// Sends, answers the challenge, follows redirects. Success is 200 or 206.
    private func get(_ target: String, accept: String? = nil, from offset: Int64 = 0) async throws(RegistryError)
        -> Answer
    {
        let scheme = try await findScheme()
        guard let address = Address("\(scheme)://\(authority)\(target)") else {
            throw .invalid("invalid registry address \(authority)")
        }
        var attempt = 0
        var hasAuthorized = false
        while true {
            let answer: Answer
            do throws(RegistryError) {
                answer = try await follow(address, accept: accept, from: offset)
            } catch {
                // Silence is broken, not final, once the registry has answered before.
                attempt += 1
                guard case .broken = error, attempt <= 3 else { throw error }
                try await Self.pause(attempt)
                continue
            }
            switch answer.status {
            case 200, 206: return answer
            case 401 where !hasAuthorized:
                hasAuthorized = true
                let refusal = await answer.refusal()
                try await authorize(answer.headers(named: "WWW-Authenticate"), refusal)
            case 500...:
                attempt += 1
                if attempt > 3 { throw await answer.refusal() }
                await answer.discard()
                try await Self.pause(attempt)
            default: throw await answer.refusal()
            }
        }
    }

    private func follow(_ start: Address, accept: String?, from offset: Int64) async throws(RegistryError) -> Answer {
        var address = start
        for _ in 0..<6 {
            var headers: [(String, String)] = []
            if let accept { headers.append(("Accept", accept)) }
            if offset > 0 { headers.append(("Range", "bytes=\(offset)-")) }
            // Only to the service that asked for it: a storage service behind a redirect has its own signature.
            if let authorization, address.hasSameOrigin(as: start) {
                headers.append(("Authorization", authorization))
            }
            let answer = try await send("GET", address, headers)
            guard [301, 302, 303, 307, 308].contains(answer.status) else { return answer }
            await answer.discard()
            guard let location = answer.header("Location"), let next = address.resolve(location) else {
                throw .invalid("registry \(authority) redirects to nowhere")
            }
            if address.scheme == "https", next.scheme == "http" {
                throw .invalid("registry \(authority) redirects from https to http://\(next.authority), refused")
            }
            address = next
        }
        throw .invalid("registry \(authority) redirects too often")
    }

    /// Asks `/v2/` once: what answers there decides between https and http, and brings the challenge.
    private func findScheme() async throws(RegistryError) -> String {
        if let scheme { return scheme }
        var failure: RegistryError?
        for candidate in schemes {
            guard let address = Address("\(candidate)://\(authority)/v2/") else { continue }
            do throws(RegistryError) {
                let answer = try await send("GET", address, [])
                // A TLS server tells a plain client so with status 400.
                if candidate == "http", answer.status == 400, schemes.count > 1 {
                    await answer.discard()
                    continue
                }
                scheme = candidate
                let challenges = answer.headers(named: "WWW-Authenticate")
                let refusal = answer.status == 401 ? await answer.refusal() : nil
                if refusal == nil { await answer.discard() }
                if let refusal, authorization == nil { try await authorize(challenges, refusal) }
                return candidate
            } catch {
                if case .unauthorized = error { throw error }
                failure = failure ?? error
            }
        }
        throw failure ?? .unreachable("registry \(authority) does not answer")
    }

    /// Gets what the challenge asks for.
    private func authorize(_ challenges: [String], _ refusal: RegistryError) async throws(RegistryError) {
        let known = challenges.compactMap(Challenge.init)
        if let bearer = known.first(where: { $0.scheme == "bearer" }) {
            authorization = "Bearer " + (try await token(bearer))
            return
        }
        if known.contains(where: { $0.scheme == "basic" }), let credentials, !credentials.username.isEmpty {
            let basic = "Basic " + credentials.basic
            if authorization == basic { throw refusal }
            authorization = basic
            return
        }
        throw refusal
    }

    /// A token for pulling from this repository, anonymous without credentials.
    private func token(_ challenge: Challenge) async throws(RegistryError) -> String {
        guard let realm = challenge.parameters["realm"].flatMap(Address.init) else {
            throw .invalid("registry \(authority) asks for a token without saying where")
        }
        if scheme == "https", realm.scheme == "http" {
            throw .invalid("registry \(authority) sends for its token to http://\(realm.authority), refused")
        }
        let service = challenge.parameters["service"] ?? ""
        let scope = "repository:\(path):pull"
        let answer: Answer
        if let refresh = credentials?.identityToken, !refresh.isEmpty {
            let form =
                "grant_type=refresh_token&service=\(Address.escaped(service))&client_id=gantry&scope="
                + "\(Address.escaped(scope))&refresh_token=\(Address.escaped(refresh))"
            answer = try await send(
                "POST", realm, [("Content-Type", "application/x-www-form-urlencoded")], body: Array(form.utf8))
        } else {
            var query = "service=\(Address.escaped(service))&scope=\(Address.escaped(scope))"
            var headers: [(String, String)] = []
            if let credentials, !credentials.username.isEmpty {
                query += "&account=\(Address.escaped(credentials.username))"
                headers.append(("Authorization", "Basic " + credentials.basic))
            }
            let separator = realm.target.contains("?") ? "&" : "?"
            guard let address = Address(realm.description + separator + query) else {
                throw .invalid("invalid token address \(realm)")
            }
            answer = try await send("GET", address, headers)
        }
        guard answer.status == 200 else { throw await answer.refusal() }
        let bytes = try await answer.collect(limit: 1 << 20)
        guard let json = try? JSON.parse(bytes),
            let token = json["token"]?.stringValue ?? json["access_token"]?.stringValue, !token.isEmpty,
            token.utf8.allSatisfy({ $0 > 32 && $0 < 127 })
        else { throw .invalid("the token service at \(realm.authority) gave no token") }
        return token
    }

    private func send(
        _ method: String, _ address: Address, _ headers: [(String, String)], body: [UInt8]? = nil
    ) async throws(RegistryError) -> Answer {
        var request = HTTPClientRequest(url: address.description)
        request.method = method == "POST" ? .POST : .GET
        request.headers.add(name: "User-Agent", value: "gantry")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            // The time limits for connecting and for silence are the client's.
            return Answer(try await http.execute(request, deadline: .distantFuture), from: address)
        } catch {
            throw Answer.failure(error, at: address)
        }
    }

    private static func pause(_ attempt: Int) async throws(RegistryError) {
        do {
            try await Task.sleep(for: .milliseconds(100 << min(attempt, 6)))
        } catch {
            throw .cancelled
        }
    }
}
