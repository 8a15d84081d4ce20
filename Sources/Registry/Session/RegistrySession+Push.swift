internal import ByteText
internal import JSON
internal import NIOCore
package import Linux
package import OCI
internal import Store

extension RegistrySession {
    /// How a pushed blob got into the repository.
    package enum UploadOutcome: Sendable, Equatable {
        case wasThere
        /// The registry copied it from another of its repositories.
        case mounted(from: String)
        case sent
    }

    private nonisolated var pushScopes: [String] { ["repository:\(path):pull,push"] }

    /// Whether the repository has the blob.
    package func has(_ digest: Digest) async throws(RegistryError) -> Bool {
        let answer = try await perform(
            Request(
                method: "HEAD", address: try await address("/v2/\(path)/blobs/\(digest)"), scopes: pushScopes,
                accepted: [200, 404]))
        await answer.discard()
        return answer.status == 200
    }

    /// Gets a blob into the repository: already there, mounted, or uploaded, in this order.
    ///
    /// - Parameters:
    /// - file: its content, read from the start.
    /// - origins: repositories of the same registry that may have it.
    /// - onSend: how many bytes have been sent; may decrease when a transfer is restarted.
    package func place(
        _ blob: ContentDescriptor, file: SharedDescriptor, origins: [String],
        onSend: @escaping @Sendable (Int64) -> Void
    ) async throws(RegistryError) -> UploadOutcome {
        if try await has(blob.digest) { return .wasThere }
        for origin in origins where origin != path {
            switch try await tryMount(blob.digest, from: origin) {
            case .done: return .mounted(from: origin)
            // The registry opened an upload instead of mounting; it would refuse other mounts too.
            case .upload(let session):
                try await upload(blob, file, session, onSend)
                return .sent
            case .refused: continue
            }
        }
        try await upload(blob, file, nil, onSend)
        return .sent
    }

    /// Uploads a manifest or index under a tag or its digest.
    package func put(_ document: [UInt8], mediaType: String, as name: String) async throws(RegistryError) -> Digest {
        let digest = ContentHash.digest(of: document)
        let answer = try await perform(
            Request(
                method: "PUT", address: try await address("/v2/\(path)/manifests/\(name)"),
                headers: [("Content-Type", mediaType)], body: .bytes(document), scopes: pushScopes,
                accepted: [200, 201, 202]))
        await answer.discard()
        if let told = try claimedDigest(answer), told != digest { throw .mismatch(expected: digest, actual: told) }
        return digest
    }

    /// Asks the registry to mount a blob from another of its repositories; false when it did not.
    package func mount(_ digest: Digest, from origin: String) async throws(RegistryError) -> Bool {
        if try await has(digest) { return true }
        if case .done = try await tryMount(digest, from: origin) { return true }
        return false
    }

    // MARK: Uploads

    private enum Mount {
        case done
        case upload(Address)
        case refused
    }

    private func tryMount(_ digest: Digest, from origin: String) async throws(RegistryError) -> Mount {
        let target =
            "/v2/\(path)/blobs/uploads/?mount=\(Address.escaped(digest.description))&from=\(Address.escaped(origin))"
        do throws(RegistryError) {
            let answer = try await perform(
                Request(
                    method: "POST", address: try await address(target),
                    scopes: pushScopes + ["repository:\(origin):pull"], accepted: [201, 202]))
            await answer.discard()
            return answer.status == 201 ? .done : .upload(try session(answer))
        } catch {
            // Permission to push here does not imply permission to read there.
            switch error {
            case .refused, .unauthorized: return .refused
            default: throw error
            }
        }
    }

    private func begin() async throws(RegistryError) -> Address {
        let answer = try await perform(
            Request(
                method: "POST", address: try await address("/v2/\(path)/blobs/uploads/"), scopes: pushScopes,
                accepted: [202]))
        await answer.discard()
        return try session(answer)
    }

    /// The URL at which the upload continues.
    private nonisolated func session(_ answer: Answer) throws(RegistryError) -> Address {
        guard let location = answer.header("Location"), let next = answer.address.resolve(location) else {
            throw .invalid("registry \(authority) names no upload location")
        }
        if answer.address.scheme == "https", next.scheme == "http" {
            throw .invalid(
                "registry \(authority) redirects uploads to http://\(next.authority), refused; "
                    + "a proxy in front of it must send X-Forwarded-Proto: https")
        }
        return next
    }

    /// Uploads in one request, or in several when the registry or a proxy in front of it refuses the size.
    private func upload(
        _ blob: ContentDescriptor, _ file: SharedDescriptor, _ first: Address?,
        _ onSend: @escaping @Sendable (Int64) -> Void
    ) async throws(RegistryError) {
        var session = first
        var offset: Int64 = 0
        var pieceSize = Int64.max
        var failures = 0
        while true {
            let place: Address
            if let known = session {
                place = known
            } else {
                offset = 0
                place = try await begin()
            }
            onSend(offset)
            do throws(RegistryError) {
                try await send(blob, file, place, offset, pieceSize, onSend)
                return
            } catch {
                switch error {
                case .refused(413, _, _) where pieceSize > Self.smallestPiece:
                    pieceSize = pieceSize == .max ? 32 << 20 : pieceSize / 4
                    session = nil
                    continue
                // The registry may have lost or duplicated bytes sent before the failure: start again.
                case .refused(let status, _, _) where offset > 0 && status < 500: session = nil
                case .broken, .unreachable: session = place
                case .refused(let status, _, _) where status >= 500: session = nil
                default: throw error
                }
                failures += 1
                if failures > client.options.maxAttempts { throw error }
                try await Self.pause(failures)
                if let broken = session { (session, offset) = await progress(of: broken, blob.size) }
            }
        }
    }

    private static let smallestPiece: Int64 = 5 << 20

    private func send(
        _ blob: ContentDescriptor, _ file: SharedDescriptor, _ start: Address, _ offset: Int64, _ pieceSize: Int64,
        _ onSend: @escaping @Sendable (Int64) -> Void
    ) async throws(RegistryError) {
        var place = start
        var position = offset
        let isWhole = offset == 0 && pieceSize >= blob.size
        while !isWhole, position < blob.size {
            let count = min(pieceSize, blob.size - position)
            let range = ("Content-Range", "\(position)-\(position + count - 1)")
            let answer = try await perform(
                request("PATCH", place, file, position, count, [range], accepted: [202, 201, 204], onSend))
            await answer.discard()
            place = try session(answer)
            position += count
        }
        guard let end = place.adding("digest", blob.digest.description) else {
            throw .invalid("invalid upload address \(place.withoutQuery)")
        }
        let answer = try await perform(
            request("PUT", end, file, position, blob.size - position, [], accepted: [201, 204], onSend))
        await answer.discard()
    }

    private nonisolated func request(
        _ method: String, _ address: Address, _ file: SharedDescriptor, _ offset: Int64, _ count: Int64,
        _ headers: [(String, String)], accepted: Set<Int>, _ onSend: @escaping @Sendable (Int64) -> Void
    ) -> Request {
        let progress = UploadProgress(offset, onSend)
        return Request(
            method: method, address: address, headers: headers + [("Content-Type", "application/octet-stream")],
            body: count == 0 ? .none : .file(FilePart(file: file, offset: offset, count: count, onSend: progress.add)),
            scopes: pushScopes, accepted: accepted, repeats: 0)
    }

    /// The current offset of a broken upload; nil to start again.
    private func progress(of session: Address, _ size: Int64) async -> (Address?, Int64) {
        do throws(RegistryError) {
            let answer = try await perform(
                Request(address: session, scopes: pushScopes, accepted: [204, 202, 200]))
            await answer.discard()
            guard let range = answer.header("Range")?.split(byte: "-"), range.count == 2,
                let last = Int64(digits: range[1]), last > 0, last < size
            else { return (nil, 0) }
            return ((try? self.session(answer)) ?? session, last + 1)
        } catch {
            return (nil, 0)
        }
    }
}
