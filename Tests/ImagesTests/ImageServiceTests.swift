import Foundation
import Images
import Layers
import OCI
import Registry
import Testing

@Suite(.enabled(if: isRoot, "unpacking needs root"), .timeLimit(.minutes(2)))
struct ImageServiceTests {
    @Test func importsWithChanges() async throws {
        try await Fixture.with { fixture in
            let id = try await fixture.import(
                ["etc/hosts": "x"], "my/thing",
                changes: [
                    #"CMD ["sh", "-c", "a b"]"#, "ENTRYPOINT run me", #"ENV A=1 B="two words" C=a\ b"#, "ENV D one two",
                    "EXPOSE 80 53/udp", #"LABEL k=v "a b"=c"#, "USER 1:2", "WORKDIR /a/../b", "WORKDIR c",
                    #"VOLUME ["/v", "/w"]"#, "STOPSIGNAL SIGINT",
                    "HEALTHCHECK --interval=5s --retries=2 CMD curl localhost",
                ])
            let image = try fixture.images.resolve("my/thing")
            let config = image.configuration.config
            #expect(image.id == id)
            #expect(image.repoTags == ["my/thing:latest"])
            #expect(config.cmd == ["sh", "-c", "a b"])
            #expect(config.entrypoint == ["/bin/sh", "-c", "run me"])
            #expect(config.env == ["A=1", "B=two words", "C=a b", "D=one two"])
            #expect(config.exposedPorts == ["53/udp", "80/tcp"])
            #expect(config.labels == ["k": "v", "a b": "c"])
            #expect(config.workingDir == "/b/c")
            #expect(config.volumes == ["/v", "/w"])
            #expect(config.healthcheck?.test == ["CMD-SHELL", "curl localhost"])
            #expect(config.healthcheck?.interval == 5_000_000_000)
            #expect(image.configuration.comment == "Imported from -")
            #expect(fixture.events.all == [ImageEvent(action: .import, id: id.description, name: "my/thing:latest")])
            #expect(FileManager.default.fileExists(atPath: fixture.images.layers.path(image.layers[0]) + "/etc/hosts"))
            let history = try fixture.images.history("my/thing")
            #expect(history.map(\.comment) == ["Imported from -"])
            #expect(history.map(\.size) == [1])
        }
    }

    @Test(arguments: ["RUN x", "FROM x", "EXPOSE x", "ENV x", "CMD"])
    func refusesOtherChanges(_ change: String) async throws {
        try await Fixture.with { fixture in
            await #expect(throws: ImageError.self) { try await fixture.import(["a": "b"], "x", changes: [change]) }
            #expect(await fixture.leftovers.isEmpty)
        }
    }

    @Test func brokenImportsLeaveNothing() async throws {
        try await Fixture.with { fixture in
            let bytes = tar(["a": String(repeating: "x", count: 100_000)])
            await #expect(throws: ImageError.self) {
                try await fixture.images.import(
                    bytes: Pieces(bytes, failsAt: 5), reference: nil, message: "", changes: [])
            }
            await #expect(throws: ImageError.self) {
                try await fixture.images.import(
                    bytes: Pieces(Array(bytes[..<50_000])), reference: nil, message: "", changes: [])
            }
            await #expect(throws: ImageError.self) {
                try await fixture.images.import(
                    bytes: Pieces(
                        Array("this is no archive, but quite a long text".utf8) + [UInt8](repeating: 65, count: 9000)),
                    reference: nil, message: "", changes: [])
            }
            #expect(await fixture.leftovers.isEmpty)
        }
    }

    @Test func survivesANewStart() async throws {
        let first = try await Fixture()
        let id = try await first.import(["a": "1"], "one")
        try first.images.tag("one", as: try Reference("two:v2"))
        try await first.import(["b": "1"], nil)
        let layer = try first.images.resolve("one").layers[0]
        await first.images.shutdown()
        // As after a power failure: a layer is gone, half-made things are there.
        try FileManager.default.removeItem(atPath: first.root + "/layers/\(layer.hex)")
        try FileManager.default.createDirectory(
            atPath: first.root + "/layers/new-1-1", withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: first.root + "/images/ingest/1-1"))
        let second = try await Fixture(root: first.root)
        #expect(try second.images.resolve("two:v2").id == id)
        #expect(try second.images.resolve("one").repoTags == ["one:latest", "two:v2"])
        #expect(try second.images.list().count == 2)
        #expect(FileManager.default.fileExists(atPath: second.images.layers.path(layer) + "/a"))
        #expect(await !second.leftovers.contains { $0.contains("1-1") })
        await second.images.shutdown()
        // As after damage: the configuration is gone, and so is the image, but nothing else.
        try FileManager.default.removeItem(atPath: first.root + "/images/blobs/sha256/\(id.hex)")
        let third = try await Fixture(root: first.root)
        #expect(throws: ImageError.notFound("No such image: one:latest")) { try third.images.resolve("one") }
        #expect(try third.images.list().count == 1)
        await third.close()
    }

    @Test func findsByNameAndId() async throws {
        try await Fixture.with { fixture in
            let id = try await fixture.import(["a": "1"], "one")
            for text in [
                "one", "one:latest", "docker.io/library/one", id.description, id.hex, id.short, "sha256:" + id.short,
            ] {
                #expect(try fixture.images.resolve(text).id == id)
            }
            let absent = "sha256:" + String(repeating: "0", count: 64)
            for (text, reason) in [
                ("none", "No such image: none:latest"), ("one:v2", "No such image: one:v2"),
                (absent, "No such image: \(absent)"),
            ] {
                #expect(throws: ImageError.notFound(reason)) { try fixture.images.resolve(text) }
            }
            #expect(throws: ImageError.invalidReference("invalid reference format")) {
                try fixture.images.resolve("a:b:c")
            }
            var ids = [id]
            while Set(ids.map(\.hex.first)).count == ids.count {
                ids.append(try await fixture.import(["a": "\(ids.count)x"], nil))
            }
            let shared = String(try #require(ids.last).hex.prefix(1))
            #expect(throws: ImageError.ambiguous("multiple IDs found with provided prefix: \(shared)")) {
                try fixture.images.resolve(shared)
            }
        }
    }

    @Test func filters() async throws {
        try await Fixture.with { fixture in
            let images = fixture.images
            try await fixture.import(["a": "1"], "one:v1", changes: ["LABEL k=v"])
            try await fixture.import(["a": "2"], "some/two:v2", changes: ["LABEL k=w l=m"])
            try await fixture.import(["a": "3"], nil)
            func names(_ filters: [String: [String]]) throws -> [String] {
                try images.list(filters: filters).map { $0.repoTags.first ?? "<none>" }
            }
            #expect(try names([:]) == ["<none>", "some/two:v2", "one:v1"])
            #expect(try names(["dangling": ["true"]]) == ["<none>"])
            #expect(try names(["dangling": ["false"]]) == ["some/two:v2", "one:v1"])
            #expect(try names(["label": ["k"]]) == ["some/two:v2", "one:v1"])
            #expect(try names(["label": ["k=w", "l"]]) == ["some/two:v2"])
            #expect(try names(["reference": ["o*"]]) == ["one:v1"])
            #expect(try names(["reference": ["*/*:v[1-3]"]]) == ["some/two:v2"])
            #expect(try names(["reference": ["one", "some/two"]]) == ["some/two:v2", "one:v1"])
            #expect(try names(["before": ["some/two:v2"]]) == ["one:v1"])
            #expect(try names(["since": ["one:v1"]]) == ["<none>", "some/two:v2"])
            #expect(try names(["until": ["1h"]]) == [])
            #expect(try names(["until": ["2100-01-01T00:00:00Z"]]).count == 3)
            #expect(throws: ImageError.invalidArgument("invalid filter 'nope'")) {
                try images.list(filters: ["nope": []])
            }
        }
    }

    @Test func tagsMove() async throws {
        try await Fixture.with { fixture in
            let one = try await fixture.import(["a": "1"], "one")
            let two = try await fixture.import(["a": "2"], "one")
            #expect(try fixture.images.resolve("one").id == two)
            #expect(try fixture.images.resolve(one.short).repoTags == [])
            #expect(throws: ImageError.self) {
                try fixture.images.tag("one", as: try Reference("x@\(two)"))
            }
        }
    }
}

@Suite(.enabled(if: isRoot, "unpacking needs root"), .timeLimit(.minutes(2)))
struct RemovalTests {
    static let unused: @Sendable (ImageID) -> [ContainerUse] = { _ in [] }

    @Test func removesNameByName() async throws {
        try await Fixture.with { fixture in
            let id = try await fixture.import(["a": "1"], "one")
            try fixture.images.tag("one", as: try Reference("two"))
            #expect(try fixture.images.remove("one", inUse: Self.unused) == [.untagged("one:latest")])
            let layer = try fixture.images.resolve("two").layers[0]
            #expect(
                try fixture.images.remove("two", inUse: Self.unused) == [
                    .untagged("two:latest"), .deleted(id.description), .deleted(layer.description),
                ])
            #expect(await fixture.leftovers.isEmpty)
            #expect(fixture.events.all.map(\.action) == [.import, .tag, .untag, .untag, .delete])
            #expect(throws: ImageError.notFound("No such image: two:latest")) {
                try fixture.images.remove("two", inUse: Self.unused)
            }
        }
    }

    @Test func respectsContainers() async throws {
        try await Fixture.with { fixture in
            let id = try await fixture.import(["a": "1"], "one")
            let container = String(repeating: "c", count: 64)
            let short = String(repeating: "c", count: 12)
            let stopped: @Sendable (ImageID) -> [ContainerUse] = { _ in [ContainerUse(id: container, running: false)] }
            let running: @Sendable (ImageID) -> [ContainerUse] = { _ in [ContainerUse(id: container, running: true)] }
            let images = fixture.images
            #expect(
                throws: ImageError.conflict(
                    "conflict: unable to remove repository reference \"one\" (must force) - container \(short) is using "
                        + "its referenced image \(id.short)")
            ) { try images.remove("one", inUse: stopped) }
            #expect(
                throws: ImageError.conflict(
                    "conflict: unable to delete \(id.short) (must be forced) - image is being used by stopped container "
                        + short)
            ) { try images.remove(id.short, inUse: stopped) }
            #expect(
                throws: ImageError.conflict(
                    "conflict: unable to delete \(id.short) (cannot be forced) - image is being used by running container "
                        + short)
            ) { try images.remove(id.short, force: true, inUse: running) }
            // By name and by force the name goes, the image of a running container stays.
            #expect(try images.remove("one", force: true, inUse: running) == [.untagged("one:latest")])
            #expect(try images.resolve(id.short).repoTags == [])
            // The layers of a container outlive its image.
            let layer = try images.resolve(id.short).layers[0]
            try images.snapshots.prepare(id: container, image: [layer])
            #expect(try images.remove(id.short, force: true, inUse: stopped).first == .deleted(id.description))
            #expect(images.layers.contains(layer))
            try images.removeSnapshot(id: container)
            #expect(await fixture.leftovers.isEmpty)
        }
    }

    /// A container whose list of layers cannot be read now (no descriptor left, a disk that does not answer) still stands on them.
    @Test func keepsLayersWhenAContainersListIsUnreadable() async throws {
        try await Fixture.with { fixture in
            let images = fixture.images
            let id = try await fixture.import(["a": "1"], "one")
            let layer = try images.resolve("one").layers[0]
            let container = String(repeating: "c", count: 64)
            try images.snapshots.prepare(id: container, image: [layer])
            let list = images.snapshots.root + "/\(container)/layers"
            let files = FileManager.default
            try files.moveItem(atPath: list, toPath: list + ".away")
            // It opens no links: ELOOP, in place of EMFILE or EIO.
            try files.createSymbolicLink(atPath: list, withDestinationPath: list + ".away")
            let removed = try images.remove("one", inUse: Self.unused)
            #expect(removed.contains(.deleted(id.description)), "\(removed)")
            #expect(images.layers.contains(layer))
            try files.removeItem(atPath: list)
            try files.moveItem(atPath: list + ".away", toPath: list)
            try images.removeSnapshot(id: container)
            #expect(!images.layers.contains(layer))
        }
    }

    @Test func severalRepositoriesNeedForce() async throws {
        try await Fixture.with { fixture in
            let id = try await fixture.import(["a": "1"], "one")
            try fixture.images.tag("one", as: try Reference("two"))
            #expect(
                throws: ImageError.conflict(
                    "conflict: unable to delete \(id.short) (must be forced) - image is referenced in multiple repositories"
                )
            ) { try fixture.images.remove(id.short, inUse: Self.unused) }
            let records = try fixture.images.remove(id.short, force: true, inUse: Self.unused)
            #expect(records.prefix(2) == [.untagged("one:latest"), .untagged("two:latest")])
            #expect(await fixture.leftovers.isEmpty)
        }
    }

    @Test func sharedLayersStay() async throws {
        try await Fixture.with { fixture in
            try await fixture.import(["a": "1"], "one", changes: ["CMD a"])
            try await fixture.import(["a": "1"], "two", changes: ["CMD b"])
            let layer = try fixture.images.resolve("one").layers[0]
            let records = try fixture.images.remove("one", inUse: Self.unused)
            #expect(records.count == 2)
            #expect(fixture.images.layers.contains(layer))
            #expect(try fixture.images.resolve("two").layers == [layer])
        }
    }
}
