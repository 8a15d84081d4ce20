import Foundation
import Images
import OCI
import Store
import Testing

/// Archives of images that are not what they say.
@Suite(.enabled(if: isRoot, "unpacking needs root"), .timeLimit(.minutes(2)))
struct LoadTests {
    typealias Files = [String: [UInt8]]

    static let layer = tar(["f": "x"])
    static let layerID = ContentHash.digest(of: layer)

    /// An image of one layer as Docker writes it.
    static var whole: Files {
        ["layer.tar": layer, "config.json": configuration([layerID]), "manifest.json": list(["layer.tar"])]
    }

    static func configuration(_ layers: [Digest]) -> [UInt8] {
        let digests = layers.map { "\"\($0)\"" }.joined(separator: ",")
        return Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[\#(digests)]}}"#.utf8)
    }

    static func list(_ layers: [String], config: String = "config.json", tag: String = "a:b") -> [UInt8] {
        let names = layers.map { "\"\($0)\"" }.joined(separator: ",")
        return Array(#"[{"Config":"\#(config)","RepoTags":["\#(tag)"],"Layers":[\#(names)]}]"#.utf8)
    }

    /// A layout whose index names an index that names an index.
    static func nested(_ depth: Int) -> Files {
        var files: Files = ["oci-layout": Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)]
        var document = Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8)
        for _ in 0..<depth {
            let digest = ContentHash.digest(of: document)
            files["blobs/sha256/\(digest.hex)"] = document
            document = Array(
                (#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","#
                    + #""digest":"\#(digest)","size":\#(document.count)}]}"#).utf8)
        }
        files["index.json"] = document
        return files
    }

    /// A layout of one image. The sizes stand in its documents as they are given, or right.
    static func layout(layer size: String? = nil, configuration: String? = nil, manifest: String? = nil) -> Files {
        let config = Self.configuration([layerID])
        func descriptor(_ bytes: [UInt8], _ type: String, _ size: String?) -> String {
            let digest = ContentHash.digest(of: bytes)
            let size = size ?? "\(bytes.count)"
            return #"{"mediaType":"application/vnd.oci.image.\#(type)","digest":"\#(digest)","size":\#(size)}"#
        }
        let document = Array(
            (#"{"schemaVersion":2,"config":\#(descriptor(config, "config.v1+json", configuration)),"#
                + #""layers":[\#(descriptor(layer, "layer.v1.tar", size))]}"#).utf8)
        let index = #"{"schemaVersion":2,"manifests":[\#(descriptor(document, "manifest.v1+json", manifest))]}"#
        var files: Files = ["index.json": Array(index.utf8)]
        files["oci-layout"] = Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)
        for blob in [config, layer, document] { files["blobs/sha256/\(ContentHash.digest(of: blob).hex)"] = blob }
        return files
    }

    static let sizes = ["-1", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "1e308", "0.5"]

    /// Sizes that no document has, and sizes that are another's (GHSA-f36w-mj3v-6jqv).
    @Test(arguments: sizes + ["9223372036854775807", "0"], ["layer", "configuration", "manifest"])
    func refusesSizesThatAreWrong(_ size: String, _ place: String) async throws {
        let files = Self.layout(
            layer: place == "layer" ? size : nil, configuration: place == "configuration" ? size : nil,
            manifest: place == "manifest" ? size : nil)
        try await Fixture.with { fixture in
            do {
                try await fixture.images.load(bytes: Pieces(tar(files))) { _ in }
                Issue.record("loaded")
            } catch {
                let text = Self.sizes.contains(size) ? "impossible size" : "bytes in the archive, not \(size)"
                #expect("\(error)".contains(text), "\(error)")
            }
            #expect(await fixture.leftovers.isEmpty)
        }
        try await Fixture.with { try await $0.images.load(bytes: Pieces(tar(Self.layout()))) { _ in } }
    }

    static let cases: [(String, @Sendable () -> Files, String)] = [
        (
            "a layer is missing", { whole.filter { $0.key != "layer.tar" } },
            "which is neither in the archive nor here already"
        ),
        (
            "a layer is another one", { whole.merging(["layer.tar": tar(["g": "y"])]) { $1 } },
            "invalid diffID for layer"
        ),
        (
            "the configuration is missing", { whole.merging(["manifest.json": list([], config: "none")]) { $1 } },
            "names a configuration that is not in the archive"
        ),
        (
            "links in a circle",
            { whole.merging(["layer.tar": Array("->l".utf8), "l": Array("->layer.tar".utf8)]) { $1 } },
            "which is neither in the archive nor here already"
        ),
        (
            "links out of the archive", { whole.merging(["layer.tar": Array("->/etc/passwd".utf8)]) { $1 } },
            "which is neither in the archive nor here already"
        ),
        (
            "501 layers",
            {
                whole.merging([
                    "config.json": configuration(Array(repeating: layerID, count: 501)),
                    "manifest.json": list(Array(repeating: "layer.tar", count: 501)),
                ]) { $1 }
            }, "500 are the most"
        ),
        (
            "100,000 layers",
            { whole.merging(["manifest.json": list(Array(repeating: "layer.tar", count: 100_000))]) { $1 } },
            "500 are the most"
        ),
        (
            "a large document",
            { whole.merging(["index.json": [0x7b] + [UInt8](repeating: 0x20, count: 5 << 20)]) { $1 } },
            "is larger than"
        ),
        (
            "many documents",
            {
                let large = [0x7b] + [UInt8](repeating: 0x20, count: 3 << 20)
                return whole.merging((0..<25).map { ("d\($0).json", large) }) { $1 }
            }, "its documents are larger than"
        ),
        (
            "a blob under the digest of another",
            { whole.merging(["blobs/sha256/" + String(repeating: "0", count: 64): layer]) { $1 } }, "does not match"
        ),
        ("a blob without a digest", { whole.merging(["blobs/sha256/x": layer]) { $1 } }, "is not named by a digest"),
        (
            "a document that is two things",
            { ["index.json": Array(#"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#.utf8)] },
            "both manifests and layers"
        ),
        ("ten indexes in one another", { nested(10) }, "is not in the archive"),
        ("an empty index", { nested(1) }, "no matching manifest"),
        (
            "a digest that is a path",
            {
                [
                    "index.json": Array(
                        #"{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x","size":1}]}"#.utf8)
                ]
            }, "invalid"
        ),
        (
            "a name that is none", { whole.merging(["manifest.json": list(["layer.tar"], tag: "../x:y")]) { $1 } },
            "invalid reference format"
        ),
        (
            "a layer that leads out",
            {
                let layer = tar(["../../canary": "x"])
                return whole.merging([
                    "layer.tar": layer, "config.json": configuration([ContentHash.digest(of: layer)]),
                ]) { $1 }
            }, "outside its root"
        ),
        (
            "a member twice, in two cases",
            {
                let text =
                    #"[{"config":"other.json","Config":"config.json","RepoTags":["a:b"],"Layers":["layer.tar"]}]"#
                return whole.merging(["manifest.json": Array(text.utf8)]) { $1 }
            }, "both mean Config"
        ),
        ("no image at all", { ["x": [1]] }, "holds no image"),
    ]

    @Test(arguments: cases.map(\.0))
    func refuses(_ what: String) async throws {
        let (_, files, text) = try #require(Self.cases.first { $0.0 == what })
        try await Fixture.with { fixture in
            let before = try FileManager.default.contentsOfDirectory(atPath: fixture.root).sorted()
            do {
                try await fixture.images.load(bytes: Pieces(tar(files()))) { _ in }
                Issue.record("loaded")
            } catch {
                #expect("\(error)".contains(text), "\(error)")
            }
            #expect(await fixture.leftovers.isEmpty)
            #expect(try fixture.images.list().isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.root).sorted() == before)
        }
    }

    /// A link may have a megabyte of target, in GNU's form: many of them are not all kept.
    @Test func stopsReadingLinksWithoutEnd() async throws {
        var target = Array(tar(["././@LongLink": [UInt8](repeating: 0x78, count: 1_000_000)]).dropLast(1024))
        target[156] = UInt8(ascii: "K")
        target.replaceSubrange(148..<156, with: Array("        ".utf8))
        let sum = String(target[..<512].reduce(0) { $0 + Int($1) }, radix: 8)
        let digits = String(repeating: "0", count: 6 - sum.count) + sum
        target.replaceSubrange(148..<155, with: Array((digits + "\u{0}").utf8))
        let link = Array(tar(["l": Array("->x".utf8)]).dropLast(1024))
        let archive = (0..<70).flatMap { _ in target + link } + [UInt8](repeating: 0, count: 1024)
        try await Fixture.with { fixture in
            do {
                try await fixture.images.load(bytes: Pieces(archive)) { _ in }
                Issue.record("loaded")
            } catch {
                #expect("\(error)".contains("its documents are larger than"), "\(error)")
            }
        }
    }

    @Test func takesTheWholeOne() async throws {
        try await Fixture.with { fixture in
            let bytes = tar(Self.whole)
            try await fixture.images.load(bytes: Pieces(bytes)) { _ in }
            #expect(try fixture.images.resolve("a:b").layers == [Self.layerID])
            // Without a manifest of its own it is what is here already.
            let manifest = try fixture.images.resolve("a:b").manifest
            try await fixture.images.load(bytes: Pieces(bytes)) { _ in }
            #expect(try fixture.images.resolve("a:b").manifest == manifest)
            // Wherever it is cut.
            _ = try fixture.images.remove("a:b", inUse: RemovalTests.unused)
            for length in [100, 1000, 2000, bytes.count - 1500] {
                await #expect(throws: ImageError.self, "\(length)") {
                    try await fixture.images.load(bytes: Pieces(Array(bytes[..<length]))) { _ in }
                }
                #expect(await fixture.leftovers.isEmpty)
            }
        }
    }

    // CVE-2023-25153: an index.json without an end is not read to its end.
    @Test func stopsReadingADocumentWithoutEnd() async throws {
        try await Fixture.with { fixture in
            let source = EndlessDocument()
            do {
                try await fixture.images.load(bytes: source) { _ in }
                Issue.record("loaded")
            } catch {
                #expect("\(error)".contains("index.json is larger than"), "\(error)")
            }
            #expect(source.sent.all.count < 100)
            #expect(await fixture.leftovers.isEmpty)
        }
    }
}

/// An archive whose first entry claims 4 GiB, in pieces of a megabyte.
private struct EndlessDocument: AsyncSequence, AsyncIteratorProtocol, Sendable {
    let sent = Recorder<Int>()

    func next() async throws -> [UInt8]? {
        let number = sent.all.count
        sent.add(number)
        if number > 4096 { return nil }
        if number > 0 { return [UInt8](repeating: 0x20, count: 1 << 20) }
        var header = Array(tar(["index.json": "{"]).prefix(512))
        header.replaceSubrange(124..<136, with: Array("40000000000\u{0}".utf8))
        header.replaceSubrange(148..<156, with: Array("        ".utf8))
        let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
        header.replaceSubrange(
            148..<156, with: Array((String(repeating: "0", count: 6 - sum.count) + sum + "\u{0} ").utf8))
        return header + [0x7b]
    }

    func makeAsyncIterator() -> EndlessDocument { self }
}
