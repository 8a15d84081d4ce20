internal import ByteText
internal import JSON
internal import NIOCore
package import OCI
internal import Store

extension RegistrySession {
    /// A manifest or index, byte for byte.
    package struct Document: Sendable {
        package let bytes: [UInt8]
        package let mediaType: String?
        package let digest: Digest
    }

    static let documentLimit = 4 << 20
    private static let tagsLimit = 100_000
    private static let accepted = [
        MediaType.manifest, MediaType.index, MediaType.dockerManifest, MediaType.dockerManifestList,
        MediaType.dockerSchema1Signed, MediaType.dockerSchema1,
    ].joined(separator: ", ")

    private nonisolated var pullScopes: [String] { ["repository:\(path):pull"] }

    /// Fetches the document of a tag or digest and verifies it against `digest` and the registry's own digest header.
    package func manifest(_ name: String, digest: Digest? = nil) async throws(RegistryError) -> Document {
        let answer = try await perform(
            Request(
                address: try await address("/v2/\(path)/manifests/\(name)"), headers: [("Accept", Self.accepted)],
                scopes: pullScopes))
        let bytes = try await answer.collect(limit: Self.documentLimit)
        let claimed = try claimedDigest(answer)
        let expected = digest ?? claimed
        let actual = ContentHash.digest(of: bytes, expected?.algorithm ?? .sha256)
        if let expected, expected != actual { throw .mismatch(expected: expected, actual: actual) }
        let type = answer.header("Content-Type").map { String($0.prefix(untilByte: ";")) }
        return Document(bytes: bytes, mediaType: type, digest: actual)
    }

    /// The digest that the registry states for a document. Anything else is refused, because it could be used as a path
    /// (CVE-2024-3727).
    func claimedDigest(_ answer: Answer) throws(RegistryError) -> Digest? {
        guard let text = answer.header("Docker-Content-Digest") else { return nil }
        do throws(OCIError) {
            return try Digest(text)
        } catch {
            throw .invalid("registry \(authority) names a document by an \(error)")
        }
    }

    /// Fetches a small blob and verifies it.
    package func document(_ descriptor: ContentDescriptor) async throws(RegistryError) -> [UInt8] {
        guard descriptor.size <= Self.documentLimit else {
            throw .invalid("document \(descriptor.digest) is larger than \(Self.documentLimit) bytes")
        }
        let answer = try await perform(
            Request(address: try await address("/v2/\(path)/blobs/\(descriptor.digest)"), scopes: pullScopes))
        let bytes = try await answer.collect(limit: Self.documentLimit)
        let actual = ContentHash.digest(of: bytes, descriptor.digest.algorithm)
        if actual != descriptor.digest { throw .mismatch(expected: descriptor.digest, actual: actual) }
        guard bytes.count == descriptor.size else {
            throw .invalid("document \(descriptor.digest) has \(bytes.count) bytes, not \(descriptor.size)")
        }
        return bytes
    }

    /// The tags of the repository, in the registry's order.
    package func tags() async throws(RegistryError) -> [String] {
        var tags: [String] = []
        var next: Address? = try await address("/v2/\(path)/tags/list")
        // A registry that always names a next page must not keep the loop running.
        for _ in 0..<1000 {
            guard let page = next else { return tags }
            let answer = try await perform(Request(address: page, scopes: pullScopes))
            let json = try? JSON.parse(try await answer.collect(limit: Self.documentLimit))
            tags += (json?["tags"]?.arrayValue ?? []).compactMap(\.stringValue)
            if tags.count > Self.tagsLimit { break }
            next = answer.header("Link").flatMap { Self.next($0, page) }
        }
        throw .invalid("registry \(authority) lists more than \(Self.tagsLimit) tags")
    }

    /// `</v2/x/tags/list?n=100&last=b>; rel="next"`
    static func next(_ link: String, _ page: Address) -> Address? {
        guard link.contains("rel=\"next\"") || link.contains("rel=next"), let start = link.firstIndex(ofByte: "<"),
            let end = link[start...].firstIndex(ofByte: ">")
        else { return nil }
        let next = page.resolve(String(link[link.utf8.index(after: start)..<end]))
        return next.flatMap { $0.hasSameOrigin(as: page) ? $0 : nil }
    }

    /// Downloads a blob from `offset`, exactly up to `descriptor.size` bytes, and resumes broken transfers.
    ///
    /// Hosts named in the descriptor (`urls`) are not contacted, as in Docker on Linux: an image's author could direct the daemon
    /// to any host (CVE-2020-15157).
    ///
    /// The receiver verifies the digest, because it processes every byte anyway.
    /// - Parameter receive: gets the next piece; false ends the download.
    package func blob(
        _ descriptor: ContentDescriptor, from offset: Int64 = 0, receive: @Sendable ([UInt8]) async -> Bool
    ) async throws(RegistryError) {
        let source = try await address("/v2/\(path)/blobs/\(descriptor.digest)")
        var received = offset
        var failures = 0
        while received < descriptor.size {
            let before = received
            do throws(RegistryError) {
                let request = Request(
                    address: source, headers: received > 0 ? [("Range", "bytes=\(received)-")] : [],
                    scopes: pullScopes, accepted: [200, 206])
                let answer = try await perform(request)
                if !(try await Self.pass(answer, descriptor, &received, receive)) { return }
                if received < descriptor.size { throw .broken("unexpected EOF") }
            } catch {
                if case .refused(404, _, _) = error { throw .missingBlob(isForeign: !descriptor.urls.isEmpty) }
                guard case .broken(let reason) = error else { throw error }
                failures = received > before ? 1 : failures + 1
                if failures > client.options.maxAttempts {
                    throw .broken("download of \(descriptor.digest) failed: \(reason)")
                }
                try await Self.pause(failures)
            }
        }
    }

    /// Passes a body on from offset `received`; the body may begin earlier.
    private static func pass(
        _ answer: Answer, _ descriptor: ContentDescriptor, _ received: inout Int64,
        _ receive: @Sendable ([UInt8]) async -> Bool
    ) async throws(RegistryError) -> Bool {
        // A server without Range support restarts at offset 0; one with it must start at the requested offset.
        var skipped = answer.status == 206 ? 0 : received
        if answer.status == 206, received > 0, let range = answer.header("Content-Range"),
            !range.hasBytePrefix("bytes \(received)-")
        {
            throw .invalid("\(answer.address.authority) answers with \(range) to a request from offset \(received)")
        }
        var isWanted = true
        var count = received
        defer { received = count }
        try await answer.forEach { (piece: [UInt8]) async throws(RegistryError) in
            var piece = piece
            if skipped > 0 {
                let dropped = min(skipped, Int64(piece.count))
                piece.removeFirst(Int(dropped))
                skipped -= dropped
                if piece.isEmpty { return true }
            }
            count += Int64(piece.count)
            if count > descriptor.size {
                throw .invalid("blob \(descriptor.digest) has more than \(descriptor.size) bytes")
            }
            isWanted = await receive(piece)
            return isWanted
        }
        return isWanted
    }
}
