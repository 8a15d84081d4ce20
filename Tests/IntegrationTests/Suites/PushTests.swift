import Foundation
import Testing

extension Integration {
    /// `push` to Debian's registry, seen with skopeo's eyes.
    @Suite(.daemon) struct Pushes {
        @Test(arguments: Client.all, ["layers:latest", "zstd:latest"])
        func theManifestStaysAsItCame(client: Client, form: String) throws {
            let registry = try Registry.get()
            let source = registry.name(form)
            try daemon.ok(client, "pull", source)
            let target = "pushed/\(client.rawValue)-\(form)"
            try daemon.ok(client, "tag", source, registry.name(target))
            let pushed = try daemon.run(client, "push", registry.name(target))
            #expect(pushed.status == 0, "\(pushed)")
            let manifest = try registry.manifest(target)
            #expect(try manifest == registry.manifest(form))
            let digest = "sha256:" + String(try succeed(["sha256sum"], input: Array(manifest.utf8)).prefix(64))
            let repository = registry.name("pushed/\(client.rawValue)-\(form.split(separator: ":")[0])")
            #expect(pushed.lines.first == "The push refers to repository [\(repository)]")
            // The registry takes the layers from a repository that has them.
            #expect(pushed.lines.contains { $0.contains(": Mounted from test/") }, "\(pushed)")
            let tag = form.split(separator: ":")[1]
            #expect(pushed.lines.last == "\(tag): digest: \(digest) size: \(manifest.utf8.count)")
            #expect(try daemon.run(client, "push", registry.name(target)).out.contains(": Layer already exists"))
            #expect(try daemon.ok(client, "push", "-q", registry.name(target)) == registry.name(target))
            let digests = try daemon.ok(client, "inspect", "-f", "{{json .RepoDigests}}", registry.name(target))
            #expect(digests.contains("\(repository)@\(digest)"), "\(digests)")
        }

        /// What one of the two pushes is, to the byte, what the other pulls.
        @Test func exchangesImagesWithBuildah() throws {
            let registry = try Registry.get()
            let scratch = try Scratch("buildah")
            func buildah(_ words: String...) throws -> String {
                try succeed(
                    [
                        "buildah", "--root", scratch.path + "/root", "--runroot", scratch.path + "/run",
                        "--storage-driver",
                        "vfs",
                    ] + words)
            }
            defer {
                _ = try? buildah("rm", "--all")
                _ = try? buildah("rmi", "--all", "--force")
            }
            func digest(_ image: String) throws -> String {
                "sha256:" + (try succeed(["sha256sum"], input: Array(registry.manifest(image).utf8)).prefix(64))
            }
            let (ours, theirs) = (registry.name("exchanged/gantry:1"), registry.name("exchanged/buildah:1"))
            try daemon.ok(.gantry, "tag", "busybox", ours)
            try daemon.ok(.gantry, "push", "-q", ours)
            let container = try buildah("from", "--quiet", "--tls-verify=false", "docker://" + ours)
            #expect(
                try buildah("inspect", "-f", "{{.FromImageDigest}}", container) == digest("exchanged/gantry:1"))
            let file = try scratch.write("from buildah\n", to: "greeting")
            _ = try buildah("copy", "--quiet", container, file, "/greeting")
            let digestFile = scratch.path + "/digest"
            _ = try buildah("commit", "--quiet", container, "greeting")
            _ = try buildah(
                "push", "--quiet", "--tls-verify=false", "--digestfile", digestFile, "greeting", "docker://" + theirs)
            let pushed = try Programs.text(digestFile)
            #expect(try pushed == digest("exchanged/buildah:1"))
            let pulled = try daemon.run(.gantry, "pull", theirs)
            #expect(pulled.lines.contains("Digest: \(pushed)"), "\(pulled)")
            #expect(
                try daemon.ok(.gantry, "run", "--rm", "--network", "none", theirs, "cat", "/greeting") == "from buildah"
            )
            let layers = try [ours, theirs].map {
                try daemon.ok(.gantry, "inspect", "-f", "{{index .RootFS.Layers 0}}", $0)
            }
            #expect(layers[0] == layers[1])
            // And back again as it came.
            let back = registry.name("exchanged/back:1")
            try daemon.ok(.gantry, "tag", theirs, back)
            try daemon.ok(.gantry, "push", "-q", back)
            #expect(try digest("exchanged/back:1") == pushed)
        }

        @Test(arguments: Client.all)
        func packsWhatIsKeptPlain(client: Client) throws {
            let registry = try Registry.get()
            let name = registry.name("plain/\(client.rawValue)")
            let id = try daemon.ok(client, "import", BusyboxImage.tar, name + ":one")
            try daemon.ok(client, "tag", name + ":one", name + ":two")
            let first = try daemon.run(client, "push", "-a", name)
            #expect(first.status == 0, "\(first)")
            let digests = first.lines.filter { $0.contains(": digest: ") }
            #expect(digests.map { $0.prefix(3) } == ["one", "two"])
            #expect(Set(digests.map { $0.dropFirst(3) }).count == 1, "\(digests)")
            let manifest = try registry.manifest("plain/\(client.rawValue):one")
            #expect(manifest.contains("tar+gzip"), "\(manifest)")
            // The same bytes again when the registry has lost them.
            let layer = try #require(manifest.split(separator: "\"").last { $0.hasPrefix("sha256:") })
            unlink(registry.blob(String(layer)))
            let other = registry.name("plain/\(client.rawValue)-again:one")
            try daemon.ok(client, "tag", name + ":one", other)
            let again = try daemon.run(client, "push", other)
            #expect(again.lines.last?.dropFirst(3) == digests.first?.dropFirst(3), "\(again)")
            try daemon.ok(client, "rmi", name + ":one", name + ":two", other)
            #expect(try daemon.ok(client, "pull", "-q", other) == other)
            #expect(try daemon.ok(client, "images", "-q", "--no-trunc", other) == id)
            #expect(try daemon.ok(client, "run", "--rm", other, "echo", "it runs") == "it runs")
        }

        /// The same image in two forms is one image, and each name goes on as the form it came in.
        @Test func everyNameKeepsItsManifest() throws {
            let registry = try Registry.get()
            let oci = try registry.manifest("busybox:oci")
            let kinds = [
                ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"),
                ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"),
                (
                    "application/vnd.oci.image.layer.v1.tar+gzip",
                    "application/vnd.docker.image.rootfs.diff.tar.gzip"
                ),
            ]
            let docker = kinds.reduce(oci) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
            try succeed(
                [
                    "curl", "-sf", "-X", "PUT", "-H", "Content-Type: \(kinds[0].1)", "--data-binary", "@-",
                    "http://127.0.0.1:\(registry.port)/v2/test/busybox/manifests/twin",
                ], input: Array(docker.utf8))
            let forms = ["oci": oci, "twin": docker]
            for form in forms.keys.sorted() { try daemon.ok(.docker, "pull", registry.name("busybox:\(form)")) }
            let ids = try daemon.run(.docker, "images", "-q", "--no-trunc", registry.name("busybox")).lines
            #expect(Set(ids).count == 1, "\(ids)")
            for (form, manifest) in forms {
                let target = "forms/\(form):1"
                try daemon.ok(.docker, "tag", registry.name("busybox:\(form)"), registry.name(target))
                try daemon.ok(.docker, "push", registry.name(target))
                #expect(try registry.manifest(target) == manifest, "\(form)")
                let digest = try succeed(["sha256sum"], input: Array(manifest.utf8)).prefix(64)
                let listed = try daemon.run(.docker, "images", "--digests", registry.name("forms/\(form)"))
                #expect(listed.out.contains("sha256:\(digest)"), "\(listed)")
                let saved = try succeed([
                    "sh", "-c",
                    "'\(Client.first.program)' -H \(daemon.host) save \(registry.name(target)) | tar -xO index.json",
                ])
                #expect(saved.contains("sha256:\(digest)"), "\(saved)")
            }
        }

        @Test func pullsEveryTag() throws {
            let registry = try Registry.get()
            let name = registry.name("tags")
            for tag in ["a", "b"] {
                try daemon.ok(.docker, "tag", "busybox", "\(name):\(tag)")
                try daemon.ok(.docker, "push", "\(name):\(tag)")
                try daemon.ok(.docker, "rmi", "\(name):\(tag)")
            }
            let pulled = try daemon.run(Client.first, "pull", "-a", name)
            #expect(pulled.status == 0, "\(pulled)")
            #expect(Set(pulled.lines.filter { $0.contains("Pulling from") }.map { $0.prefix(1) }) == ["a", "b"])
            #expect(try daemon.run(.docker, "images", "-q", name).lines.count == 2)
        }

        @Test(arguments: ["flaky", "small"])
        func goesOnWhenUploadsBreakOrAreTooLarge(kind: String) throws {
            let service = try RegistryService(kind, upstream: try Registry.get().port)
            let name = "127.0.0.1:\(service.port)/broken/\(kind):v1"
            let noise = "\(try daemon.root)/noise-\(kind)"
            try succeed([
                "sh", "-c",
                "mkdir \(noise) && head -c 12000000 /dev/urandom >\(noise)/data && tar -cf \(noise).tar -C \(noise) .",
            ])
            try daemon.ok(Client.first, "import", noise + ".tar", name)
            let pushed = try daemon.run(Client.first, "push", name)
            #expect(pushed.status == 0, "\(pushed)")
            let direct = "127.0.0.1:\(try Registry.get().port)/broken/\(kind):v1"
            let copied = try command([
                "skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false",
                "docker://" + direct, "dir:\(noise)-copy",
            ])
            #expect(copied.status == 0, "\(copied)")
            let log = try service.log()
            #expect(log.contains(kind == "small" ? "\"PATCH\"" : "\"PUT\""), "\(log)")
        }

        @Test func tellsProgramsWhatItDoes() throws {
            let name = try Registry.get().name("told")
            try daemon.ok(.docker, "tag", "busybox", name)
            let answer = try daemon.request("POST", "/v1.41/images/\(name)/push?tag=latest")
            #expect(answer.status == 200)
            let lines = answer.body.split(whereSeparator: \.isNewline)
            #expect(lines.first == "{\"status\":\"The push refers to repository [\(name)]\"}")
            #expect(lines.contains { $0.hasPrefix("{\"status\":\"Preparing\",\"progressDetail\":{},\"id\":\"") })
            let last = try #require(lines.last)
            #expect(
                last.hasPrefix("{\"progressDetail\":{},\"aux\":{\"Tag\":\"latest\",\"Digest\":\"sha256:"), "\(last)")
        }

        @Test(arguments: Client.all)
        func saysWhatIsMissing(client: Client) throws {
            let name = try Registry.get().name("missing/\(client.rawValue)")
            let absent = try daemon.run(client, "push", name)
            #expect(absent.status == 1)
            #expect(absent.err.contains("An image does not exist locally with the tag: \(name)"), "\(absent)")
            try daemon.ok(client, "tag", "busybox", name + ":there")
            let tag = try daemon.run(client, "push", name + ":gone")
            #expect(tag.err.contains("tag does not exist: \(name):gone"), "\(tag)")
            let both = try daemon.run(client, "push", "-a", name + ":there")
            #expect(both.err.contains("tag can't be used with --all-tags/-a"), "\(both)")
            let closed = "127.0.0.1:1/x:there"
            try daemon.ok(client, "tag", "busybox", closed)
            let unreachable = try daemon.run(client, "push", closed)
            #expect(unreachable.err.contains("connect: connection refused"), "\(unreachable)")
        }
    }
}
