internal import ByteText
internal import DockerAPI
internal import HTTP
internal import Images
internal import JSON
internal import NIOCore
internal import OCI
internal import Synchronization
internal import Registry

/// Images on their way in and out: pull, import, save, load.
struct ImageTransferRoutes: Sendable {
    let images: ImageService

    var routes: [Route] {
        [
            Route("POST", "/images/create", create), Route("GET", "/images/get", save),
            Route("GET", "/images/{name...}/get", saveOne), Route("POST", "/images/load", load),
        ]
    }

    @Sendable private func create(_ call: Call) async throws {
        let platform = try platform(call)
        if let source = call.query("fromSrc") {
            try await importBody(call, source, platform)
        } else if let name = try ImageName.reference(call.query("fromImage"), call.query("tag")) {
            try await pull(call, name, platform)
        } else {
            throw APIError.badRequest("fromImage or fromSrc is missing: one of them names what to create an image from")
        }
    }

    private func platform(_ call: Call) throws(APIError) -> Platform? {
        guard let text = call.query("platform") else { return nil }
        do {
            // `linux/arm64`, or since 1.48 a document.
            guard text.hasBytePrefix("{") else { return try Platform(text) }
            let json = try JSON.parse(text, refusesDuplicates: true)
            let parts = ["os", "architecture", "variant"].compactMap { json[$0]?.stringValue }.filter { !$0.isEmpty }
            return try Platform(parts.joined(separator: "/"))
        } catch {
            throw .badRequest("invalid platform: \(error)")
        }
    }

    /// Without a tag all tags are meant.
    private func pull(_ call: Call, _ reference: Reference, _ platform: Platform?) async throws {
        let credentials = call.credentials(for: reference.domain)
        try await TransferStream.run(call) { progress throws(ImageError) in
            if reference.isNameOnly {
                try await images.pullAll(reference, platform: platform, credentials: credentials, progress: progress)
            } else {
                _ = try await images.pull(
                    reference, platform: platform, credentials: credentials, progress: progress)
            }
        }
    }

    private func importBody(_ call: Call, _ source: String, _ platform: Platform?) async throws {
        let reference = try ImageName.reference(call.query("repo"), call.query("tag"))
        let note = call.query("message") ?? "Imported from \(source)"
        let changes = call.request.target.all("changes")
        guard source != "-" else {
            let id = try await images.import(
                bytes: ByteChunks(body: call.request.body), reference: reference, message: note, changes: changes,
                platform: platform)
            return try await begin(call).write(status(id.description))
        }
        var archive = RemoteArchive(source, for: images)
        // What cannot be had at all has a status of its own; later the stream has begun.
        let begun = BegunStream()
        let first = try status("Downloading from \(archive.address)")
        archive.onBegin = {
            let stream = try await begin(call)
            begun.stream.withLock { $0 = stream }
            try await stream.write(first)
        }
        do {
            let id = try await images.import(
                bytes: archive, reference: reference, message: note, changes: changes, platform: platform)
            try await begun.stream.withLock { $0 }?.write(status(id.description))
        } catch {
            guard let stream = begun.stream.withLock({ $0 }) else { throw APIError.badRequest("\(error)") }
            try await stream.write(failure(error))
        }
    }

    private func status(_ text: String) throws -> [UInt8] {
        var message = ProgressMessage()
        message.status = text
        return try line(message)
    }

    private func failure(_ error: any Error) throws -> [UInt8] {
        var message = ProgressMessage()
        message.errorDetail = .init(message: "\(error)")
        message.error = "\(error)"
        return try line(message)
    }

    // MARK: Archives

    @Sendable private func save(_ call: Call) async throws {
        try await call.send(try images.save(call.request.target.all("names"), platform: platform(call)))
    }

    @Sendable private func saveOne(_ call: Call) async throws {
        try await call.send(try images.save([call.path("name")], platform: platform(call)))
    }

    @Sendable private func load(_ call: Call) async throws {
        let (images, platform, isQuiet) = (images, try platform(call), call.flag("quiet", default: true))
        let bytes = ByteChunks(body: call.request.body)
        let (steps, feed) = AsyncStream.makeStream(of: LoadStep.self)
        async let outcome: Result<Void, ImageError> = {
            defer { feed.finish() }
            do throws(ImageError) {
                return .success(try await images.load(bytes: bytes, platform: platform) { feed.yield($0) })
            } catch {
                return .failure(error)
            }
        }()
        var stream: HTTPStream?
        for await step in steps {
            guard let bytes = try line(step, isQuiet: isQuiet) else { continue }
            if stream == nil { stream = try await begin(call) }
            try await stream?.write(bytes)
        }
        switch await outcome {
        case .success: if stream == nil { _ = try await begin(call) }
        case .failure(let error):
            // Docker's status is 200 whatever the archive is; its clients look for the reason in the stream.
            if stream == nil { stream = try await begin(call) }
            try await stream?.write(failure(error))
        }
    }

    private func line(_ step: LoadStep, isQuiet: Bool) throws -> [UInt8]? {
        var message = ProgressMessage()
        switch step {
        case .layer(let name, let current, let total):
            if isQuiet { return nil }
            message.status = "Loading layer"
            message.progressDetail = .init(current: current, total: total)
            message.progress = ProgressBar.text(current, of: total)
            message.id = name
        case .renames(let name, let old):
            message.stream =
                "The image \(name) already exists, renaming the old one with ID \(old) to empty string\n"
        case .loaded(let name?, _): message.stream = "Loaded image: \(name)\n"
        case .loaded(nil, let id): message.stream = "Loaded image ID: \(id)\n"
        }
        return try line(message)
    }

    private func begin(_ call: Call) async throws -> HTTPStream { try await TransferStream.begin(call) }

    private func line(_ message: ProgressMessage) throws -> [UInt8] {
        try JSONEncoding.encode(message) + [0x0D, 0x0A]
    }
}

/// The answer's stream, from the moment on that there is something to say.
private final class BegunStream: Sendable {
    let stream = Mutex<HTTPStream?>(nil)
}

/// A request body as Images takes it.
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
