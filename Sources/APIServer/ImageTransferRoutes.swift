internal import DockerAPI
internal import HTTP
internal import Images
internal import JSON
internal import NIOCore
internal import OCI
internal import Registry

/// `POST /images/create`: a pull, or an import of the body.
struct ImageTransferRoutes: Sendable {
    let images: ImageService

    var routes: [Route] { [Route("POST", "/images/create", create)] }

    @Sendable private func create(_ call: Call) async throws {
        let platform = try call.query("platform").map { (text) throws(APIError) in
            do {
                return try Platform(text)
            } catch {
                throw APIError.badRequest("\(error)")
            }
        }
        if let source = call.query("fromSrc") {
            try await importBody(call, source, platform)
        } else if let name = try ImageName.reference(call.query("fromImage"), call.query("tag")) {
            try await pull(call, name, platform)
        } else {
            throw APIError.badRequest("fromImage or fromSrc is missing: one of them names what to create an image from")
        }
    }

    /// An error before the first line of progress has a status code of its own; a later one is the last line.
    private func pull(_ call: Call, _ reference: Reference, _ platform: Platform?) async throws {
        let credentials = call.request.headers["X-Registry-Auth"].flatMap { RegistryCredentials(header: $0) }
        let (steps, feed) = AsyncStream.makeStream(of: PullProgress.self)
        async let outcome = result(of: reference, platform, credentials, feed)
        var stream: HTTPStream?
        for await step in steps {
            if stream == nil { stream = try await begin(call) }
            try await stream?.write(line(step))
        }
        switch await outcome {
        case .success:
            if stream == nil { _ = try await begin(call) }
        case .failure(let error):
            guard let stream else { throw error }
            var message = ProgressMessage()
            message.errorDetail = .init(message: "\(error)")
            message.error = "\(error)"
            try await stream.write(line(message))
        }
    }

    private func result(
        of reference: Reference, _ platform: Platform?, _ credentials: RegistryCredentials?,
        _ feed: AsyncStream<PullProgress>.Continuation
    ) async -> Result<ImageID, ImageError> {
        defer { feed.finish() }
        do throws(ImageError) {
            return .success(
                try await images.pull(reference, platform: platform, credentials: credentials) { feed.yield($0) })
        } catch {
            return .failure(error)
        }
    }

    private func importBody(_ call: Call, _ source: String, _ platform: Platform?) async throws {
        guard source == "-" else {
            throw APIError.notYet("importing from an address (\(source)); fetch it and import the file instead,")
        }
        let reference = try ImageName.reference(call.query("repo"), call.query("tag"))
        let id = try await images.import(
            bytes: ByteChunks(body: call.request.body), reference: reference,
            message: call.query("message") ?? "Imported from -", changes: call.request.target.all("changes"),
            platform: platform)
        let stream = try await begin(call)
        var message = ProgressMessage()
        message.status = id.description
        try await stream.write(line(message))
    }

    private func begin(_ call: Call) async throws -> HTTPStream {
        try await call.responder.stream(.ok, ["Content-Type": "application/json"])
    }

    private func line(_ step: PullProgress) throws -> [UInt8] {
        var message = ProgressMessage()
        message.status = step.status
        if !step.id.isEmpty {
            message.id = step.id
            message.progressDetail =
                step.total > 0 ? .init(current: step.current, total: step.total) : ProgressMessage.Detail()
        }
        return try line(message)
    }

    private func line(_ message: ProgressMessage) throws -> [UInt8] {
        try JSONEncoding.encode(message) + [0x0D, 0x0A]
    }
}

/// A request body as the image room takes it.
private struct ByteChunks: AsyncSequence, Sendable {
    let body: HTTPBody

    struct AsyncIterator: AsyncIteratorProtocol {
        let body: HTTPBody

        mutating func next() async throws -> [UInt8]? {
            try await body.next().map { [UInt8]($0.readableBytesView) }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: body) }
}
