internal import ByteText
internal import JSON
internal import Layers
internal import OCI
internal import Store

/// What an archive of images holds, gathered in one pass: layers are unpacked as they come by, documents are kept.
///
/// Nothing is trusted because of its name: layers count by the digests of their bytes, and whatever no image asks for is
/// given up at the end.
final class ImageArchive {
    /// A document is as large as a manifest may be, all of them as large as this (CVE-2023-25153).
    private static let documentsLimit = 64 << 20
    private static let entriesLimit = 100_000

    struct Layer {
        let layer: LayerID
        let packed: ContentDescriptor
    }

    private(set) var layers: [String: Layer] = [:]
    private(set) var layersByBlob: [Digest: Layer] = [:]
    private var documents: [String: [UInt8]] = [:]
    private var documentsByDigest: [Digest: [UInt8]] = [:]
    private var links: [String: String] = [:]
    private var size = 0
    /// Layers that are in the store already: archives leave out what they know to be there.
    let stored: (LayerID) -> Layer?

    /// - Parameters:
    ///   - unpack: makes a layer of an entry's bytes; called on this thread.
    ///   - stored: the layer as it is in the store, held there from then on.
    ///   - progress: told the name, the bytes so far and the bytes in all of the layer that comes by.
    init(
        _ source: any ByteSource, unpack: (any ByteSource) throws(LayerError) -> Layer,
        stored: @escaping (LayerID) -> Layer?, progress: @escaping (String, Int64, Int64) -> Void
    ) throws(LayerError) {
        self.stored = stored
        let reader = try ArchiveReader(source)
        var count = 0
        while let entry = try reader.next() {
            count += 1
            if count > Self.entriesLimit { throw .corrupt("more than \(Self.entriesLimit) entries") }
            let name = Self.normalized(entry.name)
            switch entry.kind {
            case .file: try read(name, entry.size, reader.content, unpack, progress)
            case .symbolicLink(let target):
                try account(for: name, target)
                let parent = name.split(byte: "/").dropLast().joined(separator: "/")
                links[name] = Self.normalized(target.hasBytePrefix("/") ? target : parent + "/" + target)
            case .hardLink(let target):
                try account(for: name, target)
                links[name] = Self.normalized(target)
            case .other: break
            }
        }
    }

    /// The document under a name, links followed.
    func document(_ name: String) -> [UInt8]? { documents[resolved(name)] }
    func document(_ digest: Digest) -> [UInt8]? { documentsByDigest[digest] }
    func layer(_ name: String) -> Layer? { layers[resolved(name)] }

    private func read(
        _ name: String, _ size: Int64, _ content: any ByteSource,
        _ unpack: (any ByteSource) throws(LayerError) -> Layer, _ progress: @escaping (String, Int64, Int64) -> Void
    ) throws(LayerError) {
        var start: [UInt8] = []
        while start.count < 512, let chunk = try content.next() { start += chunk }
        if Self.isDocument(start) {
            let bytes = try self.document(name, start, content)
            documents[name] = bytes
            let digest = ContentHash.digest(of: bytes)
            documentsByDigest[digest] = bytes
            try check(name, digest)
            return
        }
        guard Self.mayBeLayer(name, start) else { return }
        var done: Int64 = 0
        let layer = try unpack(
            PrefixedSource(start, content) { count in
                done += Int64(count)
                progress(name, done, size)
            })
        try check(name, layer.packed.digest)
        layers[name] = layer
        layersByBlob[layer.packed.digest] = layer
    }

    private func document(
        _ name: String, _ start: [UInt8], _ content: any ByteSource
    ) throws(LayerError) -> [UInt8] {
        var bytes = start
        while let chunk = try content.next() {
            bytes += chunk
            if bytes.count > ImageService.documentLimit {
                throw .corrupt("\(name) is larger than \(ImageService.documentLimit) bytes")
            }
        }
        try account(for: bytes.count)
        return bytes
    }

    /// Names of links may be a megabyte long each.
    private func account(for name: String, _ target: String) throws(LayerError) {
        try account(for: name.utf8.count + target.utf8.count)
    }

    private func account(for count: Int) throws(LayerError) {
        size += count
        if size > Self.documentsLimit { throw .corrupt("its documents are larger than \(Self.documentsLimit) bytes") }
    }

    /// In a layout a file's name is its digest.
    private func check(_ name: String, _ actual: Digest) throws(LayerError) {
        let parts = name.split(byte: "/").map(String.init)
        guard parts.count == 3, parts[0] == "blobs", parts[1] == "sha256" else { return }
        guard let expected = try? Digest("sha256:\(parts[2])") else {
            throw .corrupt("\(name) is not named by a digest")
        }
        if expected != actual { throw .mismatch(expected: expected, actual: actual) }
    }

    private static func isDocument(_ start: [UInt8]) -> Bool {
        guard let first = start.first(where: { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }) else { return false }
        return (first == 0x7b || first == 0x5b) && !isTar(start)
    }

    private static func isTar(_ start: [UInt8]) -> Bool {
        start.count >= 512 && start[257..<262].elementsEqual("ustar".utf8)
    }

    /// By name, or by how it begins.
    private static func mayBeLayer(_ name: String, _ start: [UInt8]) -> Bool {
        if name.hasBytePrefix("blobs/") { return !start.isEmpty }
        return name.hasByteSuffix(".tar") || isTar(start) || Compression(of: start) != .none
    }

    private func resolved(_ name: String) -> String {
        var name = Self.normalized(name)
        // A chain that long is a circle.
        for _ in 0..<32 {
            guard let next = links[name] else { return name }
            name = next
        }
        return name
    }

    /// Without `.` and `..`: names of the archive, never paths of this machine.
    static func normalized(_ name: String) -> String {
        var parts: [Substring] = []
        for part in name.split(byte: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}
