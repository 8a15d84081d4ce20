import Foundation
import Testing

extension Integration {
    /// Issue heading 3: import, images, rmi, tag, inspect, and what an image brings.
    @Suite(.daemon) struct Images {
        @Test func laterLayersChangeEarlierOnes() throws {
            let image = try Registry.get().name("layers")
            try daemon.ok(.docker, "pull", image)
            let script = """
                cd /data; ls -A; cat kept replaced opaque/* turned/inside; stat -c '%n %u:%g %a %h %F' owned setuid fifo link;
                readlink symbolic; stat -c %Y kept; ls -A opaque
                """
            let lines = try daemon.run(.docker, "run", "--rm", image, "sh", "-c", script).lines
            let long = String(repeating: "n", count: 200)
            #expect(
                lines == [
                    "attribute", "fifo", "kept", "link", long, "opaque", "owned", "replaced", "setuid", "symbolic",
                    "turned", "kept", "new", "new", "now a directory", "owned 1000:2000 640 2 regular file",
                    "setuid 0:0 4755 1 regular file", "fifo 0:0 600 1 fifo", "link 1000:2000 640 2 regular file",
                    "kept",
                    "1700000000", "new",
                ])
        }

        @Test(arguments: Client.all)
        func anImageSaysHowItIsRun(client: Client) throws {
            let image = try Registry.get().name("configured")
            try daemon.ok(client, "pull", image)
            #expect(try daemon.ok(client, "run", "--rm", image) == "entry default words")
            #expect(try daemon.ok(client, "run", "--rm", image, "other") == "entry other")
            let script = "pwd; id -un; echo $COLOUR $SHAPE $EXTRA; echo $PATH"
            let shown = try daemon.run(
                client, "run", "--rm", "--entrypoint", "sh", "-e", "EXTRA=more", "-e", "SHAPE=square", image, "-c",
                script)
            #expect(shown.lines == ["/var/log", "alice", "green square more", "/bin"], "\(shown)")
            let format =
                "{{.Config.StopSignal}} {{index .Config.Labels \"kind\"}} {{.Config.User}} {{json .Config.Cmd}}"
            #expect(
                try daemon.ok(client, "image", "inspect", "-f", format, image)
                    == "SIGINT test alice [\"default\",\"words\"]")
        }

        @Test(arguments: Client.all)
        func importsFromAFileAndFromStandardInput(client: Client) throws {
            let name = "imported/\(client.rawValue)"
            let first = try daemon.ok(client, "import", BusyboxImage.tar, name + ":file")
            #expect(first.hasPrefix("sha256:") && first.count == 71)
            let archive = Array(try Data(contentsOf: URL(fileURLWithPath: BusyboxImage.tar)))
            let second = try daemon.ok(client, ["import", "-", name + ":input"], input: archive)
            #expect(second.hasPrefix("sha256:"))
            let third = try daemon.ok(
                client, "import", "-c", "CMD [\"echo\", \"changed\"]", "-m", "a note", BusyboxImage.tar,
                name + ":changed")
            #expect(third.hasPrefix("sha256:"))
            #expect(try daemon.ok(client, "run", "--rm", name + ":file", "echo", "one") == "one")
            #expect(try daemon.ok(client, "run", "--rm", name + ":input", "echo", "two") == "two")
            #expect(try daemon.ok(client, "run", "--rm", name + ":changed") == "changed")
            let gzip = try succeed(["sh", "-c", "gzip -c \(BusyboxImage.tar) >\(daemon.root)/\(client.rawValue).tgz"])
            #expect(gzip.isEmpty)
            try daemon.ok(client, "import", "\(daemon.root)/\(client.rawValue).tgz", name + ":gzip")
            #expect(try daemon.ok(client, "run", "--rm", name + ":gzip", "echo", "three") == "three")
            let nothing = try daemon.run(client, "run", "--rm", name + ":file")
            #expect(nothing.status == 125)
            #expect(nothing.err.lowercased().contains("no command specified"), "\(nothing)")
        }

        @Test(arguments: Client.all)
        func listsTagsAndRemoves(client: Client) throws {
            let name = "listed/\(client.rawValue)"
            let id = try daemon.ok(client, "import", BusyboxImage.tar, name + ":one")
            try daemon.ok(client, "tag", name + ":one", name + ":two")
            try daemon.ok(client, "tag", String(id.dropFirst(7).prefix(12)), name)
            let table = try daemon.run(client, "images", name).lines
            #expect(table.count == 4, "\(table)")
            #expect(table.first?.split(separator: " ").joined(separator: " ") == "REPOSITORY TAG IMAGE ID CREATED SIZE")
            #expect(Set(table.dropFirst().map { $0.split(separator: " ")[1] }) == ["one", "two", "latest"])
            #expect(table.dropFirst().allSatisfy { $0.contains(id.dropFirst(7).prefix(12)) && $0.hasSuffix("MB") })
            #expect(try Set(daemon.run(client, "images", "-q", "--no-trunc", name).lines) == [id])
            let formatted = try daemon.run(
                client, "images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", name + ":two")
            #expect(formatted.lines == ["\(name):two \(id.dropFirst(7).prefix(12))"])
            #expect(try daemon.ok(client, "rmi", name + ":two") == "Untagged: \(name):two")
            #expect(try daemon.ok(client, "rmi", name) == "Untagged: \(name):latest")
            let last = try daemon.run(client, "rmi", name + ":one").lines
            #expect(last.first == "Untagged: \(name):one")
            #expect(last.dropFirst().first == "Deleted: \(id)")
            #expect(try daemon.run(client, "image", "inspect", id).status == 1)
        }

        @Test(arguments: Client.all)
        func keepsAnImageInUse(client: Client) throws {
            let name = "used/\(client.rawValue)"
            let id = try daemon.ok(client, "import", BusyboxImage.tar, name)
            let container = try daemon.ok(client, "run", "-d", name, "sleep", "1000")
            let refused = try daemon.run(client, "rmi", name)
            #expect(refused.status == 1)
            #expect(refused.err.contains("conflict"), "\(refused)")
            #expect(refused.err.contains(container.prefix(12)), "\(refused)")
            #expect(try daemon.request("DELETE", "/v1.41/images/\(name)").status == 409)
            try daemon.ok(client, "rm", "-f", container)
            let stopped = try daemon.ok(client, "create", name, "true")
            #expect(try daemon.run(client, "rmi", name).status == 1)
            #expect(try daemon.ok(client, "rmi", "-f", name).contains("Untagged: \(name):latest"))
            try daemon.ok(client, "rm", stopped)
            try daemon.run(client, "rmi", id)
            #expect(try daemon.run(client, "inspect", id).status == 1)
        }

        @Test(arguments: Client.all)
        func inspectsImages(client: Client) throws {
            let id = try daemon.ok(client, "inspect", "-f", "{{.Id}}", "busybox")
            #expect(try daemon.ok(client, "image", "inspect", "--format={{.ID}}", "busybox:latest") == id)
            let text = try daemon.ok(client, "inspect", String(id.dropFirst(7).prefix(12)))
            let documents = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
            let document = try #require(documents.first)
            #expect(documents.count == 1)
            #expect(document["Id"] as? String == id)
            #expect(document["RepoTags"] as? [String] == ["busybox:latest"])
            #expect(document["Os"] as? String == "linux")
            #expect(document["Architecture"] as? String == "amd64")
            #expect((document["RootFS"] as? [String: Any])?["Type"] as? String == "layers")
            #expect(((document["RootFS"] as? [String: Any])?["Layers"] as? [String])?.count == 1)
            #expect((document["Size"] as? Int ?? 0) > 1_000_000)
        }

        @Test func layersAreOverlaySnapshots() throws {
            let mounts = try daemon.run(.docker, "run", "--rm", "busybox", "cat", "/proc/mounts")
            #expect(mounts.lines.first?.hasPrefix("overlay / overlay rw,") == true, "\(mounts)")
            #expect(try daemon.ok(.docker, "info", "-f", "{{.Driver}}").hasPrefix("overlay"))
        }
    }
}
