import Concurrency
import Foundation
import Layers
import Linux
import OCI
import Store
import Testing

let isRoot = geteuid() == 0

/// A temporary layer store, deleted with this object.
final class Fixture {
    let root: String
    let layers: LayerStore
    let snapshots: Snapshots

    init(_ name: String = "", in directory: String = NSTemporaryDirectory()) throws {
        root = directory + "/gantry-layers-" + UUID().uuidString + name
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        layers = try LayerStore(root: root + "/layers")
        snapshots = try Snapshots(root: root + "/containers", layers: layers)
    }

    deinit { try? DirectoryTree.remove(root) }

    func unpack(_ bytes: [UInt8], expected: LayerID? = nil) throws -> LayerStore.Unpacked {
        try layers.unpack(MemorySource(bytes), expected: expected)
    }

    /// Unpacks `archive` and returns the layer's directory.
    func place(_ archive: TarArchive) throws -> String { layers.path(try unpack(archive.finished).layer) }

    /// No temporary directory is left.
    var isClean: Bool {
        get throws { try FileManager.default.contentsOfDirectory(atPath: layers.root) == ["base"] }
    }
}

func status(_ path: String) throws -> stat {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    return status
}

@Suite(.enabled(if: isRoot, "placing owners and devices needs root"))
struct PlacementTests {
    @Test func keepsAllFileAttributes() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("./", "5", mode: 0o755)
        archive.add("d/", "5", mode: 0o1777, time: 1_000_000_000)
        archive.add(
            "d/f", content: Array("text".utf8), mode: 0o4755, uid: 7, gid: 8,
            pax: [
                ("uid", Array("3000000".utf8)), ("mtime", Array("1600000000.123456789".utf8)),
                ("SCHILY.xattr.user.note", Array("x y".utf8)),
                (
                    "SCHILY.xattr.security.capability",
                    [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
                ),
            ])
        archive.add("d/hard", "1", link: "d/f")
        archive.add("d/soft", "2", mode: 0o777, uid: 5, link: "../../../etc/passwd")
        archive.add("d/pipe", "6", mode: 0o640)
        archive.add("d/null", "3", mode: 0o666, device: (1, 3))
        archive.add("name-\u{e9}", content: [1])
        let path = try fixture.place(archive)
        let file = try status(path + "/d/f")
        #expect(file.st_mode == 0o104755)
        #expect(file.st_uid == 3_000_000 && file.st_gid == 8)
        #expect(file.st_mtim.tv_sec == 1_600_000_000 && file.st_mtim.tv_nsec == 123_456_789)
        #expect(file.st_nlink == 2)
        #expect(try status(path + "/d/hard").st_ino == file.st_ino)
        let link = try status(path + "/d/soft")
        #expect(link.st_uid == 5 && link.st_mode & S_IFMT == S_IFLNK)
        #expect(try status(path + "/d/pipe").st_mode == 0o010640)
        #expect(try status(path + "/d/null").st_rdev == 0x103)
        let directory = try status(path + "/d")
        #expect(directory.st_mode == 0o041777 && directory.st_mtim.tv_sec == 1_000_000_000)
        #expect(try status(path + "/name-\u{e9}").st_size == 1)
        let attributes = String(
            decoding: try shell(
                "python3 -c 'import os,sys; p=sys.argv[1]; print(os.getxattr(p,\"user.note\"), "
                    + "len(os.getxattr(p,\"security.capability\")))' \(path)/d/f"), as: UTF8.self)
        #expect(attributes == "b'x y' 20\n")
    }

    @Test func makesMissingParents() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("/a/b/c/f", content: [1], mode: 0o600, uid: 9)
        let path = try fixture.place(archive)
        #expect(try status(path + "/a/b").st_mode == 0o040755)
        #expect(try status(path + "/a/b").st_uid == 0)
        #expect(try status(path + "/a/b/c/f").st_uid == 9)
    }

    @Test func convertsWhiteoutsForOverlay() throws {
        let fixture = try Fixture()
        var below = TarArchive()
        below.add("gone", content: [1])
        below.add("dir/old", content: [1])
        below.add("kept", content: [1])
        var above = TarArchive()
        above.add(".wh.gone")
        above.add("dir/", "5", mode: 0o755)
        above.add("dir/.wh..wh..opq")
        above.add("dir/new", content: [2])
        above.add("again", content: [3])
        above.add(".wh.again")
        let layers = [try fixture.unpack(below.finished).layer, try fixture.unpack(above.finished).layer]
        #expect(try status(fixture.layers.path(layers[1]) + "/gone").st_mode & S_IFMT == S_IFCHR)
        try fixture.snapshots.prepare(id: "c", image: layers)
        let names = try fixture.listing("c")
        #expect(names == ["./again", "./dir", "./dir/new", "./kept"])
    }

    @Test func lastEntryWins() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("x/", "5")
        archive.add("x/in", content: [1])
        archive.add("x", content: [1, 2])
        archive.add("y", "2", link: "x")
        archive.add("y/", "5", mode: 0o700)
        archive.add("y/z", content: [3])
        let path = try fixture.place(archive)
        #expect(try status(path + "/x").st_size == 2)
        #expect(try status(path + "/y").st_mode == 0o040700)
        #expect(try status(path + "/y/z").st_size == 1)
    }

    @Test(arguments: ["gnu", "posix"])
    func keepsHoles(_ format: String) throws {
        let fixture = try Fixture()
        let source = fixture.root + "/sparse"
        try shell(
            "mkdir \(source) && cd \(source) && truncate -s 8M f && printf x | dd of=f bs=1 seek=4000000 conv=notrunc 2>&1"
        )
        let bytes = try shell("tar -C \(source) -S --format=\(format) -cf - f")
        #expect(bytes.count < 100_000)
        let path = fixture.layers.path(try fixture.unpack(bytes).layer)
        let file = try status(path + "/f")
        #expect(file.st_size == 8 << 20)
        #expect(file.st_blocks < 100)
        try shell("cmp \(source)/f \(path)/f")
    }
}

@Suite(.enabled(if: isRoot, "placing owners and devices needs root"))
struct EscapeTests {
    // CVE-2021-32760, CVE-2025-47290: nothing outside of the layer is written, changed or linked.
    @Test(arguments: [
        "../canary", "a/../../canary", "/../canary", "a/b/../../../canary",
    ])
    func refusesNamesAboveTheRoot(_ name: String) throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add(name, content: [1])
        #expect(throws: LayerError.self) { try fixture.unpack(archive.finished) }
        #expect(try fixture.isClean)
    }

    @Test func linksStayInsideLayer() throws {
        let fixture = try Fixture()
        let canary = fixture.root + "/canary"
        try shell("mkdir \(canary) && echo safe > \(canary)/file && chmod 600 \(canary)/file")
        var archive = TarArchive()
        archive.add("out", "2", link: canary)
        archive.add("up", "2", link: "../../../../../../../../../.." + canary)
        archive.add("etc/", "5")
        archive.add(String(canary.dropFirst()) + "/", "5", mode: 0o755)
        archive.add("out/file", content: Array("evil".utf8), mode: 0o4777)
        archive.add("up/file2", content: Array("evil".utf8), mode: 0o777)
        let path = try fixture.place(archive)
        #expect(try String(contentsOfFile: canary + "/file", encoding: .utf8) == "safe\n")
        #expect(try status(canary + "/file").st_mode == 0o100600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: canary) == ["file"])
        // The file is where the link leads inside the container.
        #expect(try status(path + canary + "/file").st_size == 4)
    }

    @Test func hardLinksStayInside() throws {
        let fixture = try Fixture()
        let canary = fixture.root + "/canary"
        try shell("echo safe > \(canary)")
        for target in [canary, "../../../canary", "out/canary"] {
            var archive = TarArchive()
            archive.add("out", "2", link: fixture.root)
            archive.add("mine", "1", mode: 0o4777, link: target)
            #expect(throws: LayerError.self) { try fixture.unpack(archive.finished) }
        }
        #expect(try status(canary).st_nlink == 1)
    }

    @Test(arguments: [".wh.", ".wh..", ".wh...", "d/.wh.."])
    func refusesWhiteoutsOfDots(_ name: String) throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add(name)
        #expect(throws: LayerError.self) { try fixture.unpack(archive.finished) }
        #expect(try fixture.isClean)
    }

    @Test func imagesCannotSetOverlayAttributes() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("d/", "5", pax: [("SCHILY.xattr.trusted.overlay.redirect", Array("/etc".utf8))])
        let path = try fixture.place(archive)
        let names = String(
            decoding: try shell("python3 -c 'import os,sys; print(os.listxattr(sys.argv[1]))' \(path)/d"), as: UTF8.self
        )
        #expect(names == "[]\n")
    }
}

@Suite(.enabled(if: isRoot, "placing owners and devices needs root"))
struct CompressionTests {
    static func archive(_ size: Int = 300_000) -> [UInt8] {
        var archive = TarArchive()
        archive.add("f", content: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) })
        return archive.finished
    }

    @Test(arguments: ["cat", "gzip -n", "zstd -q", "xz", "bzip2"])
    func readsEveryForm(_ packer: String) throws {
        let fixture = try Fixture()
        let plain = Self.archive()
        let expected = ContentHash.digest(of: plain)
        let unpacked = try fixture.unpack(try shell(packer, input: plain), expected: expected)
        #expect(unpacked.layer == expected)
        #expect(unpacked.size == 300_000)
    }

    @Test func readsSeveralMembersInChunksOfAnySize() throws {
        let fixture = try Fixture()
        let plain = Self.archive(100_000)
        let packed =
            try shell("gzip -n", input: Array(plain[..<7000])) + (try shell("gzip -9n", input: []))
            + (try shell("gzip -1n", input: Array(plain[7000...]))) + [0, 0, 0]
        for size in [1, 3, 511, 65536] {
            let source = ChunkedSource(packed, size)
            let unpacked = try fixture.layers.unpack(source, expected: ContentHash.digest(of: plain))
            fixture.layers.retire(unpacked.layer)?.delete()
        }
    }

    // CVE-2021-20291: damaged data gives an error soon and leaves nothing behind.
    @Test(.timeLimit(.minutes(1)), arguments: ["gzip -n", "zstd -q", "xz", "bzip2", "cat"])
    func refusesDamage(_ packer: String) throws {
        let fixture = try Fixture()
        let plain = Self.archive()
        let expected = ContentHash.digest(of: plain)
        let whole = try shell(packer, input: plain)
        for length in [1, 10, 100, whole.count / 2, whole.count - 2000, whole.count - 9, whole.count - 1]
        where length > 0 {
            #expect(throws: LayerError.self, "\(packer) cut to \(length)") {
                try fixture.unpack(Array(whole[..<length]), expected: expected)
            }
        }
        for position in [3, 600, whole.count / 2, whole.count - 5] {
            var damaged = whole
            damaged[position] ^= 0x55
            #expect(throws: LayerError.self, "\(packer) changed at \(position)") {
                try fixture.unpack(damaged, expected: expected)
            }
        }
        // bzip2 itself ignores trailing bytes, and they are not used.
        if packer != "bzip2" {
            #expect(throws: LayerError.self) {
                try fixture.unpack(whole + Array("garbage".utf8), expected: expected)
            }
        }
        #expect(try fixture.isClean)
    }

    /// The kernel gives new entries the group of a set-group-id directory.
    @Test(.enabled(if: isRoot, "owners need root")) func keepsOwnersOfArchive() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("d/", "5", mode: 0o2775, gid: 50)
        archive.add("d/file", mode: 0o644)
        archive.add("d/link", "2", link: "file")
        archive.add("d/sub/", "5", mode: 0o755)
        archive.add("d/wide", mode: 0o666)
        archive.add("d/set", mode: 0o4711, gid: 7)
        let path = try fixture.place(archive)
        let found = try ["", "/file", "/link", "/sub", "/wide", "/set"].map { name in
            let status = try status("\(path)/d\(name)")
            return "\(name) \(status.st_gid) \(String(status.st_mode & 0o7777, radix: 8))"
        }
        #expect(found == [" 50 2775", "/file 0 644", "/link 0 777", "/sub 0 755", "/wide 0 666", "/set 7 4711"])
    }

    /// After waiting for removals, neither a duplicate layer nor a large retired one has left files.
    @Test func removesLayersInBackground() async throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        for number in 0..<2500 { archive.add("d\(number / 100)/f\(number)") }
        let layer = try fixture.unpack(archive.finished).layer
        _ = try fixture.unpack(archive.finished)
        await fixture.layers.waitForRemovals()
        let store = fixture.layers.root
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: store)) == ["base", layer.hex])
        let gone = try #require(fixture.layers.retire(layer))
        #expect(!fixture.layers.contains(layer))
        gone.delete()
        await fixture.layers.waitForRemovals()
        #expect(try fixture.isClean)
        // A removal that a killed daemon left unfinished is done by the next one.
        try shell("mkdir -p \(store)/old-1-1/fs && cd \(store)/old-1-1/fs && seq 2500 | xargs touch")
        let next = try LayerStore(root: store)
        await next.waitForRemovals()
        #expect(try fixture.isClean)
    }

    /// When extracting fails while the sender is silent, the wait for more bytes ends.
    @Test func failureEndsWaitForBytes() async throws {
        let fixture = try Fixture()
        let pipe = BytePipe()
        var archive = TarArchive()
        archive.add("../../outside", content: [1])
        let layers = fixture.layers
        async let result: LayerStore.Unpacked = onThread { () throws(LayerError) in
            try layers.unpack(PipeSource(pipe), expected: nil)
        }
        _ = await pipe.send(archive.finished)
        do {
            _ = try await result
            Issue.record("unpacked")
        } catch LayerError.escape {
        } catch {
            Issue.record("\(error)")
        }
        #expect(try fixture.isClean)
    }

    @Test func unpacksEmptyArchive() throws {
        let fixture = try Fixture()
        #expect(try fixture.unpack([UInt8](repeating: 0, count: 10240)).size == 0)
        #expect(try fixture.unpack([]).size == 0)
    }

    @Test func interruptionLeavesNothing() async throws {
        let fixture = try Fixture()
        let pipe = BytePipe(capacity: 1000)
        let layers = fixture.layers
        async let result: LayerStore.Unpacked = onThread { () throws(LayerError) in
            try layers.unpack(PipeSource(pipe), expected: nil)
        }
        let plain = Self.archive()
        for start in stride(from: 0, to: 100_000, by: 700) {
            #expect(await pipe.send(Array(plain[start..<(start + 700)])))
        }
        pipe.finish(complete: false)
        do {
            _ = try await result
            Issue.record("unpacked")
        } catch {
            #expect(error is LayerError)
        }
        #expect(try fixture.isClean)
    }

    @Test func failingReaderReleasesSender() async throws {
        let fixture = try Fixture()
        let pipe = BytePipe(capacity: 1000)
        let layers = fixture.layers
        async let result: LayerStore.Unpacked = onThread { () throws(LayerError) in
            try layers.unpack(PipeSource(pipe), expected: nil)
        }
        var sent = 0
        while sent < 10_000, await pipe.send([UInt8](repeating: 0x41, count: 1000)) { sent += 1 }
        #expect(sent < 10_000)
        do {
            _ = try await result
            Issue.record("unpacked")
        } catch {
            #expect(error is LayerError)
        }
    }
}

final class ChunkedSource: ByteSource {
    private var rest: ArraySlice<UInt8>
    private let size: Int

    init(_ bytes: [UInt8], _ size: Int) {
        rest = bytes[...]
        self.size = size
    }

    func next() throws(LayerError) -> [UInt8]? {
        defer { rest = rest.dropFirst(size) }
        return rest.isEmpty ? nil : Array(rest.prefix(size))
    }
}

@Suite(.enabled(if: isRoot, "mounting needs root"))
struct SnapshotTests {
    @Test func writesStayInWritableLayer() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("./", "5", mode: 0o711)
        archive.add("f", content: [1])
        let layer = try fixture.unpack(archive.finished).layer
        try fixture.snapshots.prepare(id: "one", image: [layer])
        try fixture.snapshots.prepare(id: "two", image: [layer])
        let mount = try fixture.snapshots.mount(id: "one")
        let root = "/proc/self/fd/\(mount.raw)"
        #expect(try status(root + "/.").st_mode == 0o040711)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: root + "/f"))
        try Data(count: 1000).write(to: URL(fileURLWithPath: root + "/g"))
        #expect(fixture.snapshots.size(id: "one") == 1003)
        #expect(fixture.snapshots.size(id: "two") == 0)
        #expect(try status(fixture.layers.path(layer) + "/f").st_size == 1)
        let other = try fixture.snapshots.view(id: "two")
        #expect(try status("/proc/self/fd/\(other.raw)/f").st_size == 1)
        #expect(open("/proc/self/fd/\(other.raw)/h", O_CREAT | O_WRONLY, 0o644) == -1 && errno == EROFS)
        #expect(try fixture.snapshots.list().sorted() == ["one", "two"])
        #expect(try fixture.snapshots.layers(id: "one") == [layer])
    }

    @Test func canBeMountedAgainEvenIfVolatile() throws {
        let fixture = try Fixture()
        try fixture.snapshots.prepare(id: "c", image: [])
        for volatile in [true, true, false, true] {
            let mount = try fixture.snapshots.mount(id: "c", volatile: volatile)
            try Data([1]).write(to: URL(fileURLWithPath: "/proc/self/fd/\(mount.raw)/f"))
        }
    }

    @Test func removesTwiceAndInPart() throws {
        let fixture = try Fixture()
        try fixture.snapshots.prepare(id: "c", image: [])
        try Data([1]).write(to: URL(fileURLWithPath: fixture.snapshots.root + "/c/engine-file"))
        try fixture.snapshots.remove(id: "c")
        try fixture.snapshots.remove(id: "c")
        try fixture.snapshots.remove(id: "never")
        #expect(try fixture.snapshots.list().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.snapshots.root) == ["c"])
        #expect(throws: LayerError.self) { _ = try fixture.snapshots.mount(id: "c") }
        let missing = try Digest("sha256:" + String(repeating: "0", count: 64))
        #expect(throws: LayerError.self) { try fixture.snapshots.prepare(id: "d", image: [missing]) }
    }

    @Test(arguments: ["", String(repeating: "/long", count: 60)])
    func stacksManyLayers(_ suffix: String) throws {
        let fixture = try Fixture(suffix)
        var layers: [LayerID] = []
        for number in 0..<80 {
            var archive = TarArchive()
            archive.add("f\(number)", content: [1])
            archive.add("top", content: Array("\(number)".utf8))
            layers.append(try fixture.unpack(archive.finished).layer)
        }
        layers.append(layers[3])
        try fixture.snapshots.prepare(id: "c", image: layers)
        let mount = try fixture.snapshots.mount(id: "c")
        let root = "/proc/self/fd/\(mount.raw)"
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/.").count == 81 + 5)
        #expect(try String(contentsOfFile: root + "/top", encoding: .utf8) == "3")
    }

    @Test func removesUnsyncedLayersAfterReboot() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("f", content: [1])
        let kept = try fixture.unpack(archive.finished).layer
        archive.add("g", content: [1])
        let lost = try fixture.unpack(archive.finished).layer
        archive.add("h", content: [1])
        let synced = try fixture.unpack(archive.finished).layer
        try fixture.layers.sync([synced])
        for layer in [lost, synced] {
            let info = fixture.layers.root + "/\(layer.hex)/info"
            try Data("1\nanother-boot\n".utf8).write(to: URL(fileURLWithPath: info))
        }
        try shell("mkdir -p \(fixture.layers.root)/new-1-1/fs")
        let again = try LayerStore(root: fixture.layers.root)
        #expect(again.contains(kept) && again.contains(synced))
        #expect(!again.contains(lost))
        #expect(!FileManager.default.fileExists(atPath: again.root + "/new-1-1"))
    }
}

extension Fixture {
    /// The sorted files of the container's root.
    func listing(_ id: String) throws -> [String] {
        let mount = try snapshots.mount(id: id)
        let output = try withExtendedLifetime(mount.raw) {
            try shell(
                "cd /proc/\(getpid())/fd/\(mount.raw)/. && find . -mindepth 1 | "
                    + "grep -Ev '^./(dev|etc|proc|sys|.dockerenv)' | sort")
        }
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
