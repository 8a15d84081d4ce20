internal import DockerAPI
internal import HTTP
internal import Images
internal import JSON
internal import OCI
internal import Registry

/// A pull or push as Docker's stream of JSON messages.
enum TransferStream {
    /// An error before the first line of progress has a status code of its own; a later one is the last line.
    static func run(
        _ call: Call, _ body: @escaping @Sendable (@escaping ImageService.Progress) async throws(ImageError) -> Void
    ) async throws {
        let (steps, feed) = AsyncStream.makeStream(of: PullProgress.self)
        async let outcome = result(feed, body)
        var stream: HTTPStream?
        for await step in steps {
            if stream == nil { stream = try await begin(call) }
            try await stream?.write(line(step))
        }
        if let failure = await outcome {
            guard let stream else { throw failure }
            var message = ProgressMessage()
            message.errorDetail = .init(message: "\(failure)")
            message.error = "\(failure)"
            try await stream.write(line(message))
        } else if stream == nil {
            _ = try await begin(call)
        }
    }

    private static func result(
        _ feed: AsyncStream<PullProgress>.Continuation,
        _ body: @Sendable (@escaping ImageService.Progress) async throws(ImageError) -> Void
    ) async -> ImageError? {
        defer { feed.finish() }
        do throws(ImageError) {
            try await body { feed.yield($0) }
            return nil
        } catch {
            return error
        }
    }

    static func begin(_ call: Call) async throws -> HTTPStream {
        try await call.responder.stream(.ok, ["Content-Type": "application/json"])
    }

    private static func line(_ step: PullProgress) throws -> [UInt8] {
        var message = ProgressMessage()
        if let pushed = step.pushed {
            message.progressDetail = ProgressMessage.Detail()
            message.aux = [
                "Tag": .string(pushed.tag), "Digest": .string(pushed.digest.description), "Size": JSON(pushed.size),
            ]
            return try line(message)
        }
        message.status = step.status
        if !step.id.isEmpty {
            message.id = step.id
            // The first line has a tag for an id, and nothing that goes on.
            if step.isHeading { return try line(message) }
            message.progressDetail =
                step.total > 0 ? .init(current: step.current, total: step.total) : ProgressMessage.Detail()
            message.progress = ProgressBar.text(step.current, of: step.total)
        }
        return try line(message)
    }

    static func line(_ message: ProgressMessage) throws -> [UInt8] {
        try JSONEncoding.encode(message) + [0x0D, 0x0A]
    }
}

extension Call {
    /// Who asks the registry: the header for this request, or the one with all that the client knows.
    func credentials(for domain: String) -> RegistryCredentials? {
        if let header = request.headers["X-Registry-Auth"], let found = RegistryCredentials(header: header) {
            return found
        }
        return request.headers["X-Registry-Config"].flatMap {
            RegistryCredentials(configuration: $0, domain: domain)
        }
    }
}
