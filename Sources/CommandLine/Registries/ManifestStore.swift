internal import ByteText
internal import Glibc
internal import JSON
internal import Linux

/// Lists of manifests that are being put together: Docker's `manifests` beside its `config.json`, a directory for each
/// list, a file for each entry.
struct ManifestStore {
    let directory: String

    init(_ configuration: ClientConfiguration) {
        directory = configuration.directory + "/manifests"
    }

    /// One entry, as Docker's `ImageManifest`.
    struct Entry {
        var reference: String
        var descriptor: JSON
        var raw: [UInt8]

        var document: JSON {
            let isDocker = descriptor["mediaType"]?.stringValue?.contains("docker") ?? true
            return [
                "Ref": .string(reference), "Descriptor": descriptor, "Raw": .string(Base64.encode(raw)),
                (isDocker ? "SchemaV2Manifest" : "OCIManifest"): (try? JSON.parse(raw)) ?? .null,
            ]
        }

        init(reference: String, descriptor: JSON, raw: [UInt8]) {
            self.reference = reference
            self.descriptor = descriptor
            self.raw = raw
        }

        init?(_ document: JSON) {
            guard let reference = document["Ref"]?.stringValue, let descriptor = document["Descriptor"],
                let raw = document["Raw"]?.stringValue.flatMap({ Base64.decode($0) })
            else { return nil }
            self.init(reference: reference, descriptor: descriptor, raw: raw)
        }
    }

    /// The entries of a list by file name; nil when there is no such list.
    func list(_ name: String) throws(CommandError) -> [Entry]? {
        guard let stream = opendir(folder(name)) else { return nil }
        defer { closedir(stream) }
        var files: [String] = []
        while let entry = readdir(stream) {
            let file = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !file.hasBytePrefix(".") { files.append(file) }
        }
        var entries: [Entry] = []
        for file in files.sorted() {
            let path = folder(name) + "/" + file
            guard let bytes = try? Descriptor.open(path, O_RDONLY).readAll(limit: 32 << 20),
                let entry = (try? JSON.parse(bytes)).flatMap({ Entry($0) })
            else { throw CommandError("\(path) is damaged; remove the list with: gantry manifest rm \(name)") }
            entries.append(entry)
        }
        return entries
    }

    func save(_ entry: Entry, in name: String) throws(CommandError) {
        let path = folder(name) + "/" + Self.fileName(entry.reference)
        do throws(SystemError) {
            for folder in [
                String(directory.prefix(upTo: directory.lastIndex(ofByte: "/") ?? directory.startIndex)), directory,
                folder(name),
            ] {
                if mkdir(folder, 0o755) != 0, errno != EEXIST { throw SystemError("mkdir", folder, code: errno) }
            }
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
            let bytes = entry.document.serialized()
            try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in
                try file.writeAll(UnsafeRawBufferPointer(buffer))
            }
        } catch {
            throw CommandError("cannot save \(path): \(error)")
        }
    }

    /// Returns false when there is no such list.
    func remove(_ name: String) throws(CommandError) -> Bool {
        guard let entries = try? list(name) else { return access(folder(name), F_OK) == 0 && rmdir(folder(name)) == 0 }
        for entry in entries { unlink(folder(name) + "/" + Self.fileName(entry.reference)) }
        return rmdir(folder(name)) == 0
    }

    private func folder(_ name: String) -> String { directory + "/" + Self.fileName(name) }

    /// `docker.io/library/a:1` as `docker.io_library_a-1`.
    private static func fileName(_ reference: String) -> String {
        String(reference.map { $0 == ":" ? "-" : $0 == "/" ? "_" : $0 })
    }
}
