import Foundation
import Testing

extension Integration {
    /// What is asked of registries without pulling: lists of manifests, searches, descriptions.
    @Suite(.daemon) struct Manifests {
        @Test func putsImagesForSeveralPlatformsTogether() throws {
            let registry = try Registry.get()
            let repository = registry.name("list")
            for arch in ["one", "two"] {
                let context = "CMD [\"\(arch)\"]"
                let platform = arch == "one" ? "linux/amd64" : "linux/arm64"
                try daemon.ok(
                    .docker, "import", "--platform", platform, "-c", context, BusyboxImage.tar, "\(repository):\(arch)")
                try daemon.ok(.docker, "push", "-q", "\(repository):\(arch)")
            }
            let list = repository + ":all"
            #expect(
                try daemon.ok(.gantry, "manifest", "create", list, "\(repository):one", "\(repository):two")
                    == "Created manifest list \(list)")
            let again = try daemon.run(.gantry, "manifest", "create", list, "\(repository):one")
            #expect(again.err.contains("refusing to amend an existing manifest list with no --amend flag"))
            try daemon.ok(
                .gantry, "manifest", "annotate", "--arch", "arm64", "--variant", "v8", list, "\(repository):two")
            let local = try daemon.ok(.gantry, "manifest", "inspect", list)
            let digest = try daemon.ok(.gantry, "manifest", "push", "--purge", list)
            let served = try registry.manifest("list:all")
            #expect(try "sha256:" + succeed(["sha256sum"], input: Array(served.utf8)).prefix(64) == digest)
            #expect(try daemon.ok(.gantry, "manifest", "inspect", list) == local)
            let removed = try daemon.run(.gantry, "manifest", "rm", list)
            #expect(removed.status == 1 && removed.err.contains("no such manifest"), "\(removed)")
            // What each platform gets.
            for (platform, word) in [("linux/amd64", "one"), ("linux/arm64", "two")] {
                try daemon.ok(.docker, "rmi", "-f", "\(repository):\(word)")
                try daemon.ok(.docker, "pull", "--platform", platform, list)
                #expect(try daemon.ok(.docker, "inspect", "-f", "{{json .Config.Cmd}}", list).contains(word))
            }
        }

        @Test func mountsWhatIsInAnotherRepository() throws {
            let registry = try Registry.get()
            let list = registry.name("list/elsewhere:1")
            try daemon.ok(.gantry, "manifest", "create", list, registry.name("layers"))
            let pushed = try daemon.run(.gantry, "manifest", "push", list)
            #expect(pushed.out.contains("Pushed ref \(registry.name("list/elsewhere"))@sha256:"), "\(pushed)")
            try daemon.ok(.docker, "pull", list)
        }

        @Test func showsAManifestAsDockerDoes() throws {
            // The official command line goes to the registry itself.
            for image in ["busybox:v2s2", "platforms"] {
                let name = try Registry.get().name(image)
                let ours = try daemon.ok(.gantry, "manifest", "inspect", name)
                #expect(try ours == daemon.ok(.docker, "manifest", "inspect", "--insecure", name))
            }
        }

        @Test func describesWhatARegistryHas() throws {
            let registry = try Registry.get()
            let manifest = try registry.manifest("platforms")
            let digest = try "sha256:" + succeed(["sha256sum"], input: Array(manifest.utf8)).prefix(64)
            let answer = try daemon.request("GET", "/v1.50/distribution/\(registry.name("platforms"))/json")
            let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
            let descriptor = json?["Descriptor"] as? [String: Any]
            #expect(descriptor?["digest"] as? String == digest, "\(answer)")
            #expect(descriptor?["size"] as? Int == manifest.utf8.count)
            #expect(
                (json?["Platforms"] as? [[String: Any]])?.contains { $0["architecture"] as? String == "arm64" } == true)
            #expect(try daemon.request("GET", "/v1.50/distribution/\(registry.name("none"))/json").status == 404)
        }

        @Test(arguments: Client.all)
        func searches(client: Client) throws {
            let hub = try RegistryService("hub")
            let term = "127.0.0.1:\(hub.port)/tool"
            let found = try daemon.run(client, "search", term)
            #expect(
                found.lines.map { $0.split(separator: " ").first } == [
                    "NAME", "library/tool", "someone/tool", "some/toolbox",
                ],
                "\(found)")
            #expect(found.lines[1].contains("The tool. With a second line that is quite l…"), "\(found)")
            #expect(found.lines[1].hasSuffix("[OK]"), "\(found)")
            func names(_ flags: String...) throws -> [String] {
                try daemon.run(client, ["search", "--format", "{{.Name}}"] + flags + [term]).lines
            }
            #expect(try names("--limit", "1") == ["library/tool"])
            #expect(try names("--filter", "stars=50") == ["library/tool", "some/toolbox"])
            #expect(try names("--filter", "is-official=true") == ["library/tool"])
            #expect(try names("--filter", "is-automated=true") == ["someone/tool"])
            if client == .gantry { #expect(try names("-s", "100") == ["some/toolbox"]) }
            #expect(
                try daemon.run(client, "search", "--limit", "200", term).err.contains("limit 200 is outside the range"))
            #expect(try daemon.run(client, "search", "--no-trunc", term).out.contains("longer than a table takes"))
            // A registry that has only a catalog.
            let registry = try Registry.get()
            let catalog = try daemon.run(client, "search", "--format", "{{.Name}}", "127.0.0.1:\(registry.port)/busy")
            #expect(catalog.lines == ["test/busybox"], "\(catalog)")
        }
    }
}
