import Foundation
import Images
import OCI
import Registry
import Store
import Testing

@Suite(.enabled(if: isRoot, "unpacking needs root"), .timeLimit(.minutes(2)))
struct PullTests {
    @Test(arguments: ["good", "index", "break", "noranges", "redirect", "token", "moving", "nested", "patient"])
    func pulls(_ repository: String) async throws {
        let registry = try UnrulyRegistry()
        try await Fixture.with { fixture in
            let lines = Recorder<PullProgress>()
            let name = try registry.name(repository)
            let id = try await fixture.images.pull(name, platform: try Platform("linux/amd64")) { lines.add($0) }
            let image = try fixture.images.resolve(name.familiar)
            #expect(image.id == id)
            #expect(image.repoTags == [name.familiar + ":latest"])
            #expect(image.repoDigests.count == 1)
            #expect(image.size == 40 * 50000)
            #expect(image.configuration.config.cmd == ["/file0"])
            #expect(fixture.events.all.map(\.action) == [.pull])
            let texts = lines.all.map(\.status)
            #expect(texts.first { !$0.contains("wants a pause; going on in 1 second") } == "Pulling from \(repository)")
            for text in ["Pulling fs layer", "Downloading", "Verifying Checksum", "Download complete", "Extracting"] {
                #expect(texts.contains(text))
            }
            #expect(texts.suffix(3).first == "Pull complete")
            #expect(texts.last == "Status: Downloaded newer image for \(name.familiar):latest")

            let again = Recorder<PullProgress>()
            _ = try await fixture.images.pull(name) { again.add($0) }
            #expect(!again.all.map(\.status).contains("Already exists"))
            #expect(again.all.last?.status == "Status: Image is up to date for \(name.familiar):latest")

            let byDigest = try Reference(try #require(image.repoDigests.first))
            _ = try await fixture.images.pull(byDigest) { _ in }
            #expect(try fixture.images.resolve(byDigest.familiar).id == id)
        }
        if repository == "break" {
            let ranges = try await registry.log().map(\.range).filter { !$0.isEmpty }
            // Where it broke, not from the start.
            #expect(ranges.count == 2 && ranges.allSatisfy { $0 > "bytes=0-" })
        }
    }

    /// As many at once as `max-concurrent-downloads` allows, and no more.
    @Test(arguments: [1, 2, 5]) func downloadsLayersAtOnce(most: Int) async throws {
        let registry = try UnrulyRegistry()
        var options = ImageOptions()
        options.maxConcurrentDownloads = most
        try await Fixture.with(options) { fixture in
            _ = try await fixture.images.pull(try registry.name("crew\(most)")) { _ in }
        }
        #expect(try await registry.peak() == most)
    }

    @Test func speaksBasic() async throws {
        let registry = try UnrulyRegistry()
        try await Fixture.with { fixture in
            let name = try registry.name("basic")
            await #expect(throws: ImageError.self) { try await fixture.images.pull(name) { _ in } }
            let header = Data(#"{"username":"user","password":"secret"}"#.utf8).base64EncodedString()
            let credentials = try #require(RegistryCredentials(header: header))
            _ = try await fixture.images.pull(name, credentials: credentials) { _ in }
        }
    }

    @Test(arguments: [
        ("wrong", "does not match"), ("long", "has more than"), ("short", "download of"),
        ("both", "both manifests and layers"), ("schema1", "schema version 1 is obsolete"),
        ("huge", "is larger than"), ("liar", "does not match its digest"),
        ("deadindex", "no matching manifest for linux/amd64 in the manifest list entries"),
        (
            "denied",
            "pull access denied for NAME, repository does not exist or may require 'docker login': denied: "
                + "requested access to the resource is denied"
        ),
        ("unknown", "repository NAME not found: name unknown: repository name not known to registry"),
        ("busy", "toomanyrequests: You have reached your pull rate limit; try again in 5 hours"),
        ("broken", "download of"), ("deep", "name each other in a circle"), ("sized", "and its index says"),
        ("artifact", "is no container image"), ("odd", "unsupported media type"), ("many", "500 are the most"),
        ("crowd", "is larger than"),
        ("loop", "redirects too often"), ("changing", "does not match its digest"), ("garbage", "127.0.0.1"),
        ("path", "invalid digest"), ("digestpath", "invalid digest"), ("digestkind", "invalid digest"),
        ("size0", "impossible size"), ("size1", "impossible size"), ("size2", "impossible size"),
        ("size3", "impossible size"), ("size4", "impossible size"), ("size5", "impossible size"),
        ("size6", "impossible size"), ("size7", "unexpected EOF"),
    ])
    func refuses(_ repository: String, _ text: String) async throws {
        let registry = try UnrulyRegistry()
        try await Fixture.with { fixture in
            let name = try registry.name(repository)
            do {
                _ = try await fixture.images.pull(name, platform: try Platform("linux/amd64")) { _ in }
                Issue.record("pulled")
            } catch {
                #expect("\(error)".contains(text.replacingOccurrences(of: "NAME", with: name.familiarName)), "\(error)")
            }
            #expect(await fixture.leftovers.isEmpty)
            #expect(try fixture.images.list().isEmpty)
        }
    }

    /// They are lines of the daemon's log too: a registry must not write others that look like ours.
    @Test(arguments: ["forge", "forgebusy"])
    func errorsOfRegistriesAreOneLine(_ repository: String) async throws {
        let registry = try UnrulyRegistry()
        try await Fixture.with { fixture in
            let name = try registry.name(repository)
            do {
                _ = try await fixture.images.pull(name, platform: try Platform("linux/amd64")) { _ in }
                Issue.record("pulled")
            } catch {
                let text = "\(error)"
                #expect(text.contains("forged"), "\(text)")
                #expect(!text.utf8.contains { $0 < 0x20 }, "\(text.debugDescription)")
            }
        }
    }

    /// What cannot be unpacked ends the download, too, however much of it is still on its way (CVE-2021-20291).
    @Test(arguments: ["cut", "noise", "zstdnoise", "empty"])
    func givesUpOnLayersThatDoNotUnpack(_ repository: String) async throws {
        let registry = try UnrulyRegistry()
        let fixture = try await Fixture()
        let errors = Recorder<String>()
        let name = try registry.name(repository)
        let pull = Task {
            do {
                _ = try await fixture.images.pull(name, platform: try Platform("linux/amd64")) { _ in }
                errors.add("pulled")
            } catch {
                errors.add("\(error)")
            }
        }
        // One that hangs does not hear of a time limit.
        for _ in 0..<1500 where errors.all.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
        let error = try #require(errors.all.first, "it does not end")
        #expect(error.contains("failed to register layer"), "\(error)")
        await pull.value
        #expect(await fixture.leftovers.isEmpty)
        #expect(fixture.partials.isEmpty)
        await fixture.close()
    }

    @Test func namesTheClosedPort() async throws {
        try await Fixture.with { fixture in
            do {
                _ = try await fixture.images.pull(try Reference("127.0.0.1:1/x")) { _ in }
                Issue.record("pulled")
            } catch {
                #expect(
                    "\(error)" == #"Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused"#)
            }
        }
    }

    @Test func twoPullsShareADownload() async throws {
        let registry = try UnrulyRegistry()
        try await Fixture.with { fixture in
            let name = try registry.name("slow")
            async let one = fixture.images.pull(name) { _ in }
            async let two = fixture.images.pull(name) { _ in }
            #expect(try await one == two)
        }
        let blobs = try await registry.log().map(\.path).filter { $0.contains("/blobs/") }
        #expect(blobs.count == Set(blobs).count + 1)
    }

    /// One image in three forms: Docker's manifest, OCI's, and one with its layer packed in another way.
    @Test func namesKeepTheirManifests() async throws {
        let registry = try UnrulyRegistry()
        let repositories = ["good", "docker", "unpacked"]
        let first = try await Fixture()
        var manifests: [String: Digest] = [:]
        for repository in repositories {
            let name = try registry.name(repository)
            _ = try await first.images.pull(name) { _ in }
            let image = try first.images.resolve(name.familiar)
            manifests[repository] = image.manifest
            #expect(image.repoDigests.contains("\(name.familiar)@\(image.manifest)"))
        }
        #expect(Set(manifests.values).count == 3)
        #expect(try first.images.list().count == 1)
        // Three manifests, a configuration, two packed layers, and the layer.
        #expect(await first.leftovers.count == 7)
        await first.images.shutdown()
        let second = try await Fixture(root: first.root)
        for repository in repositories {
            let name = try registry.name(repository).familiar
            #expect(try second.images.resolve(name).manifest == manifests[repository])
            try second.images.tag(name, as: try Reference("copy-\(repository)"))
            #expect(try second.images.resolve("copy-\(repository)").manifest == manifests[repository])
            _ = try second.images.remove("copy-\(repository)", inUse: RemovalTests.unused)
        }
        // A form goes with its last name, whichever of them was first.
        for (repository, left) in [("good", 6), ("unpacked", 4), ("docker", 0)] {
            _ = try second.images.remove(try registry.name(repository).familiar, inUse: RemovalTests.unused)
            let leftovers = await second.leftovers
            #expect(leftovers.count == left, "\(repository): \(leftovers)")
        }
        await second.close()
    }

    // A power failure may leave a name without its bytes: what is asked for again is made whole.
    @Test func mendsWhatIsDamaged() async throws {
        let registry = try UnrulyRegistry()
        let name = try registry.name("good")
        let first = try await Fixture()
        _ = try await first.images.pull(name) { _ in }
        await first.images.shutdown()
        let blobs = first.root + "/images/blobs/sha256"
        for blob in try FileManager.default.contentsOfDirectory(atPath: blobs) { truncate(blobs + "/" + blob, 0) }
        let second = try await Fixture(root: first.root)
        #expect(throws: ImageError.self) { try second.images.resolve(name.familiar) }
        _ = try await second.images.pull(name) { _ in }
        #expect(try second.images.resolve(name.familiar).configuration.config.cmd == ["/file0"])
        for blob in try FileManager.default.contentsOfDirectory(atPath: blobs) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: blobs + "/" + blob))
            #expect(ContentHash.digest(of: [UInt8](bytes)).hex == blob)
        }
        await second.close()
    }

    @Test func cancellingLeavesNothing() async throws {
        let registry = try UnrulyRegistry()
        try await Fixture.with { fixture in
            let name = try registry.name("slow")
            let pull = Task { try await fixture.images.pull(name) { _ in } }
            try await Task.sleep(for: .milliseconds(400))
            pull.cancel()
            await #expect(throws: ImageError.cancelled) { try await pull.value }
            try await Task.sleep(for: .milliseconds(200))
            #expect(await fixture.leftovers.isEmpty)
        }
    }
}

/// Debian's registry, filled by skopeo from our own store.
@Suite(
    .enabled(
        if: isRoot && FileManager.default.isExecutableFile(atPath: "/usr/bin/docker-registry")
            && FileManager.default.isExecutableFile(atPath: "/usr/bin/skopeo"),
        "needs root, docker-registry and skopeo"), .timeLimit(.minutes(2)))
struct RealRegistryTests {
    @Test func goesRoundThroughARealRegistry() async throws {
        let directory = NSTemporaryDirectory() + "gantry-registry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let port = 40000 + Int.random(in: 0..<20000)
        let file = directory + "/config.yml"
        try """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: \(directory)/data}}
        http: {addr: "127.0.0.1:\(port)"}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        let service = try Service(["/usr/bin/docker-registry", "serve", file])
        try await Fixture.with { fixture in
            let id = try await fixture.import(["a": "1", "b/c": "2"], "thing:v1", changes: ["CMD [\"/a\"]"])
            for (format, tag) in [("oci", "one"), ("v2s2", "two")] {
                var code: Int32 = 1
                for _ in 0..<50 where code != 0 {
                    code = try Service.run([
                        "/usr/bin/skopeo", "copy", "-q", "--dest-tls-verify=false", "--format", format,
                        "oci:\(fixture.root)/images:thing:v1", "docker://127.0.0.1:\(port)/thing:\(tag)",
                    ])
                    if code != 0 { try await Task.sleep(for: .milliseconds(100)) }
                }
                #expect(code == 0)
            }
            try await Fixture.with { other in
                for tag in ["one", "two"] {
                    let name = try Reference("127.0.0.1:\(port)/thing:\(tag)")
                    let pulled = try await other.images.pull(name) { _ in }
                    let image = try other.images.resolve(name.familiar)
                    #expect(image.configuration.config.cmd == ["/a"])
                    #expect(image.configuration.diffIDs == (try fixture.images.resolve("thing:v1")).layers)
                    if tag == "one" { #expect(pulled == id) }
                }
                do {
                    _ = try await other.images.pull(try Reference("127.0.0.1:\(port)/thing:none")) { _ in }
                    Issue.record("pulled")
                } catch {
                    let text = "manifest for 127.0.0.1:\(port)/thing:none not found: manifest unknown: manifest unknown"
                    #expect((error as? ImageError) == .notFound(text))
                }
            }
        }
        withExtendedLifetime(service) {}
    }
}
