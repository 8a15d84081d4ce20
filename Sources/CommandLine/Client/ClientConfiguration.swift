internal import Glibc
internal import JSON
internal import Linux

/// Docker's `config.json`: read leniently, written back with everything in it that is not understood.
struct ClientConfiguration {
    /// The directory with `config.json`, `manifests` and the like.
    let directory: String
    var document: JSONObject

    var path: String { directory + "/config.json" }

    /// `--config`, `DOCKER_CONFIG`, else `~/.docker`. Without a file there, the old `~/.dockercfg` is read.
    init(environment: Environment, directory chosen: String?) throws(CommandError) {
        let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "/root"
        let named = [chosen, environment["DOCKER_CONFIG"]].compactMap { $0 }.first { !$0.isEmpty }
        directory = named ?? home + "/.docker"
        document = JSONObject()
        if let object = try Self.read(directory + "/config.json") {
            document = object
        } else if named == nil, let old = try Self.read(home + "/.dockercfg") {
            // That file was nothing but the map.
            document["auths"] = .object(old)
        }
    }

    private static func read(_ path: String) throws(CommandError) -> JSONObject? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Descriptor.open(path, O_RDONLY).readAll(limit: 16 << 20)
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw CommandError("cannot read the client's configuration: \(error)")
        }
        if bytes.allSatisfy({ $0 <= 0x20 }) { return JSONObject() }
        do {
            guard let object = try JSON.parse(bytes).objectValue else { throw JSONError("it must be one object") }
            return object
        } catch {
            throw CommandError("cannot read the client's configuration \(path): \(error)")
        }
    }

    /// Replaces the file as a whole; a link is followed, so that a file kept elsewhere stays there.
    func save() throws(CommandError) {
        var target = path
        if let resolved = realpath(path, nil) {
            target = String(cString: resolved)
            free(resolved)
        }
        let temporary = "\(target)\(getpid())"
        do throws(SystemError) {
            if mkdir(directory, 0o700) != 0, errno != EEXIST { throw SystemError("mkdir", directory, code: errno) }
            // Secrets: from its first byte on nobody else reads it.
            let file = try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            let bytes = JSON.object(document).serialized(indent: "\t")
            try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in
                try file.writeAll(UnsafeRawBufferPointer(buffer))
            }
            try retrying("rename", target) { rename(temporary, target) }
        } catch {
            unlink(temporary)
            throw CommandError("cannot save \(target): \(error)")
        }
    }

    /// Headers that go with every request to a daemon.
    var headers: [(String, String)] {
        guard let object = document["HttpHeaders"]?.objectValue else { return [] }
        return object.compactMap { name, value in
            guard let text = value.stringValue, Self.isToken(name),
                text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
            else { return nil }
            return (name, text)
        }
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 58 }
    }
}
