import Foundation
import Glibc
import Images
import Layers
import OCI
import Store
import Testing

/// What goes on behind the answer of a commit: the layer is unpacked from the blob that was written before it.
@Suite(.enabled(if: isRoot, "unpacking needs root"), .timeLimit(.minutes(2)))
struct CommitTests {
    private static let content = String(repeating: "0123456789abcdef", count: 200_000)
    private static let tooSmall = "size=1m"

    /// A container that wrote 4.2 MB in two files, one of them with two names, and its image `base`.
    private func container(_ fixture: Fixture, _ driver: StorageDriverName = .overlay2) async throws -> String {
        if (try? fixture.images.resolve("base")) == nil { try await fixture.import(["etc/base": "1"], "base") }
        let id = UUID().uuidString
        let image = try fixture.images.resolve("base")
        try fixture.images.snapshots.prepare(id: id, image: image.layers)
        let written = fixture.root + "/containers/\(id)/" + (driver == .overlay2 ? "upper" : "root")
        try Self.content.write(toFile: written + "/f", atomically: false, encoding: .utf8)
        #expect(link(written + "/f", written + "/g") == 0)
        #expect(symlink("f", written + "/h") == 0)
        #expect(try Service.run(["truncate", "-s", "1000000", written + "/hole"]) == 0)
        return id
    }

    private func commit(_ container: String, _ name: String, in fixture: Fixture) async throws -> ImageRecord {
        var commit = ImageCommit(parent: try fixture.images.resolve("base"), config: ImageConfiguration.Config())
        commit.reference = try Reference(name)
        return try await fixture.images.commit(container: container, commit)
    }

    /// What the layers of an image hold at the moment that a container may be made of it.
    private func read(_ name: String, in fixture: Fixture) async throws -> String? {
        let layers = fixture.images.layers
        return try await fixture.images.using(name, refused: { $0 }) { image throws(ImageError) in
            image.layers.last.flatMap { try? String(contentsOfFile: layers.path($0) + "/f", encoding: .utf8) }
        }
    }

    /// Nothing new can be made in the directory of layers meanwhile.
    private func withoutPlace(_ fixture: Fixture, _ body: () async throws -> Void) async throws {
        #expect(try Service.run(["chattr", "+i", fixture.root + "/layers"]) == 0)
        do {
            try await body()
        } catch {
            _ = try Service.run(["chattr", "-i", fixture.root + "/layers"])
            throw error
        }
        #expect(try Service.run(["chattr", "-i", fixture.root + "/layers"]) == 0)
    }

    /// The directory of layers is a file system of its own.
    private func withDisk(_ options: String, _ root: String, _ body: (String) async throws -> Void) async throws {
        let layers = root + "/layers"
        try FileManager.default.createDirectory(atPath: layers, withIntermediateDirectories: true)
        #expect(try Service.run(["mount", "-t", "tmpfs", "-o", options, "gantry-test", layers]) == 0)
        do {
            try await body(layers)
        } catch {
            _ = try Service.run(["umount", "-l", layers])
            throw error
        }
        #expect(try Service.run(["umount", "-l", layers]) == 0)
    }

    @Test(arguments: [StorageDriverName.overlay2, .vfs])
    func aContainerWaitsForTheLayer(_ driver: StorageDriverName) async throws {
        var options = ImageOptions()
        options.storageDriver = driver
        try await Fixture.with(options) { fixture in
            let base = try await container(fixture, driver)
            for round in 0..<5 {
                let image = try await commit(base, "made:\(round)", in: fixture)
                // Known before a file of it is there.
                #expect(image.size == 4_200_001)
                #expect(try fixture.images.history("made:\(round)").map(\.size) == [4_200_000, 1])
                #expect(fixture.images.size(of: image.layers) == image.size)
                async let other = read("made:\(round)", in: fixture)
                #expect(try await read("made:\(round)", in: fixture) == Self.content)
                #expect(try await other == Self.content)
                #expect(fixture.images.size(of: image.layers) == image.size)
                #expect(fixture.images.layers.size(image.layers[1]) == 4_200_000)
                let removed = try fixture.images.remove("made:\(round)", inUse: RemovalTests.unused)
                #expect(removed.count == 3)
            }
        }
    }

    @Test func whatGoesAtOnceLeavesNothing() async throws {
        try await Fixture.with { fixture in
            let id = try await container(fixture)
            let base = try fixture.images.resolve("base").id
            let before = await fixture.leftovers
            for round in 0..<10 {
                _ = try await commit(id, "made:\(round)", in: fixture)
                let (deletions, freed) = try fixture.images.prune(all: true, filters: [:]) { image in
                    image == base ? [ContainerUse(id: id, running: false)] : []
                }
                #expect(deletions.count == 3)
                // The space of the layer, unpacked or not.
                #expect(freed == 4_200_000)
                // The same once more while the first one may still be unpacked.
                let again = try await commit(id, "again", in: fixture)
                #expect(try await read("again", in: fixture) == Self.content)
                #expect(try fixture.images.remove(again.id.description, inUse: RemovalTests.unused).count == 3)
                await fixture.images.finishUnpackings()
                #expect(Set(await fixture.leftovers) == Set(before))
            }
        }
    }

    @Test func sharesALayerThatIsThereOrOnItsWay() async throws {
        try await Fixture.with { fixture in
            let id = try await container(fixture)
            let one = try await commit(id, "one", in: fixture)
            let two = try await commit(id, "two", in: fixture)
            #expect(one.layers == two.layers)
            #expect(one.size == two.size)
            #expect(try fixture.images.remove("one", inUse: RemovalTests.unused).first == .untagged("one:latest"))
            #expect(try await read("two", in: fixture) == Self.content)
            let three = try await commit(id, "three", in: fixture)
            #expect(three.layers == two.layers)
            #expect(try await read("three", in: fixture) == Self.content)
        }
    }

    @Test func triesAgainForWhoNeedsTheLayer() async throws {
        try await Fixture.with { fixture in
            let id = try await container(fixture)
            try await withoutPlace(fixture) {
                let image = try await commit(id, "made", in: fixture)
                await #expect(throws: ImageError.self) { _ = try await read("made", in: fixture) }
                await fixture.images.finishUnpackings()
                #expect(!fixture.images.layers.contains(image.layers[1]))
                // It is an image all the same.
                #expect(try fixture.images.list(all: false, filters: [:]).map(\.size).sorted() == [1, 4_200_001])
                #expect(try fixture.images.history("made").map(\.size) == [4_200_000, 1])
            }
            #expect(try await read("made", in: fixture) == Self.content)
        }
    }

    @Test func takesTheLayerThatSomebodyElseBrings() async throws {
        try await Fixture.with { fixture in
            let id = try await container(fixture)
            let before = await fixture.leftovers
            var made: LayerID?
            try await withoutPlace(fixture) {
                made = try await commit(id, "made", in: fixture).layers[1]
                await fixture.images.finishUnpackings()
            }
            let layer = try #require(made)
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture.images.blobs.path(layer))))
            _ = try await fixture.images.import(bytes: Pieces(bytes), reference: nil, message: "", changes: [])
            #expect(fixture.images.layers.contains(layer))
            #expect(try await read("made", in: fixture) == Self.content)
            let base = try fixture.images.resolve("base").id
            _ = try fixture.images.prune(all: true, filters: [:]) { image in
                image == base ? [ContainerUse(id: id, running: false)] : []
            }
            await fixture.images.finishUnpackings()
            #expect(Set(await fixture.leftovers) == Set(before))
        }
    }

    @Test func aNewDaemonUnpacksWhatTheOldOneDidNot() async throws {
        let first = try await Fixture()
        let id = try await container(first)
        let layer: LayerID
        do {
            var made: LayerID?
            try await withoutPlace(first) {
                made = try await commit(id, "made", in: first).layers[1]
                await first.images.shutdown()
            }
            layer = try #require(made)
        }
        #expect(!first.images.layers.contains(layer))
        let second = try await Fixture(root: first.root)
        #expect(second.images.layers.contains(layer))
        #expect(try await read("made", in: second) == Self.content)
        #expect(try second.images.resolve("made").size == 4_200_001)
        await second.close()
    }

    @Test func aDiskWithoutRoomRefusesTheCommit() async throws {
        let root = NSTemporaryDirectory() + "gantry-images-" + UUID().uuidString
        try await withDisk(Self.tooSmall, root) { _ in
            let fixture = try await Fixture(root: root)
            let id = try await container(fixture)
            let before = await fixture.leftovers
            await #expect {
                _ = try await commit(id, "made", in: fixture)
            } throws: { error in
                if case .noSpace? = error as? ImageError { return true }
                return false
            }
            #expect(Set(await fixture.leftovers) == Set(before))
            #expect(throws: ImageError.self) { try fixture.images.resolve("made") }
            await fixture.images.shutdown()
        }
        try FileManager.default.removeItem(atPath: root)
    }

    /// The image was told of: it stays, and is of use once there is room.
    @Test func aFullDiskAtTheStartCostsNoImage() async throws {
        let first = try await Fixture()
        let id = try await container(first)
        let layer = try await commit(id, "made", in: first).layers[1]
        await first.images.shutdown()
        try await withDisk(Self.tooSmall, first.root) { layers in
            let second = try await Fixture(root: first.root)
            #expect(try second.images.resolve("made").size == 4_200_001)
            await #expect {
                _ = try await read("made", in: second)
            } throws: { error in
                "\(error)".contains("no space left on device")
            }
            #expect(try Service.run(["mount", "-o", "remount,size=20m", layers]) == 0)
            #expect(try await read("made", in: second) == Self.content)
            #expect(second.images.layers.contains(layer))
            await second.images.shutdown()
        }
        try FileManager.default.removeItem(atPath: first.root)
    }

    @Test func aContainerThatWroteNothingAddsNoLayer() async throws {
        try await Fixture.with { fixture in
            try await fixture.import(["a": "1"], "base")
            let base = try fixture.images.resolve("base")
            try fixture.images.snapshots.prepare(id: "idle", image: base.layers)
            let image = try await commit("idle", "made", in: fixture)
            #expect(image.layers == base.layers)
            #expect(image.configuration.history.last?.isEmptyLayer == true)
            // Two documents for each image, one layer and its blob.
            #expect(await fixture.leftovers.count == 6)
        }
    }
}
