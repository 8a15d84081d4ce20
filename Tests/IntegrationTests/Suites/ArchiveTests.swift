import Foundation
import Testing

extension Integration {
    /// `diff`, `export`, `commit`, `save` and `load`, and what other engines make of the archives.
    @Suite(.daemon) struct Archives {
        /// What a container does to its files, of every kind.
        static let work = """
            echo x >/etc/new; echo more >>/etc/passwd; rm /bin/ls; rm -r /home; mkdir -p /home/alice; touch /home/alice/f
            mkdir -p /a/b/c; chmod 700 /var/log; rm -r /usr; ln /etc/new /a/hard; mkfifo /a/pipe; ln -s x /a/soft
            chown 3000000:4000000 /a/pipe; chmod 4755 /a/hard; truncate -s 8M /a/sparse; echo end >>/a/sparse
            touch -d @1600000000 /a/b; mknod /a/null c 1 3; echo gone >/a/gone; rm /a/gone
            """

        @Test(arguments: Client.all)
        func saysWhatChanged(client: Client) throws {
            let name = try daemon.ok(
                client, "run", "-d", "--network", "none", "busybox", "sh", "-c", Self.work + "\nsleep 100")
            try eventually("the work is done") { try daemon.run(client, "diff", name).out.contains("/a/null") }
            // Docker prints the same lines in no order.
            #expect(
                try daemon.run(client, "diff", name).lines.sorted() == [
                    "A /a", "A /a/b", "A /a/b/c", "A /a/hard", "A /a/null", "A /a/pipe", "A /a/soft", "A /a/sparse",
                    "A /etc/new", "A /home/alice/f", "C /bin", "C /etc", "C /etc/passwd", "C /home", "C /home/alice",
                    "C /var", "C /var/log", "D /bin/ls", "D /usr",
                ])
            let fresh = try daemon.ok(client, "create", "busybox", "true")
            #expect(try daemon.ok(client, "diff", fresh) == "")
            #expect(try daemon.run(client, "diff", "nobody").err.contains("No such container: nobody"))
            try daemon.ok(client, "rm", "-f", name, fresh)
        }

        @Test(arguments: Client.all)
        func exportsTheWholeRoot(client: Client) throws {
            let scratch = try Scratch("export")
            let name = "exported-\(client)"
            try daemon.ok(client, "run", "--name", name, "--network", "none", "busybox", "sh", "-c", Self.work)
            try daemon.ok(client, "export", "-o", scratch.path + "/one.tar", name)
            try succeed(
                ["sh", "-c", "'\(client.program)' export \(name) >\(scratch.path)/two.tar"],
                environment: daemon.environment)
            try succeed(["cmp", scratch.path + "/one.tar", scratch.path + "/two.tar"])
            let lines = try command(["tar", "tvf", scratch.path + "/one.tar", "--numeric-owner"]).lines
                .map { $0.split(separator: " ").joined(separator: " ") }
            func line(_ part: String) -> String { lines.first { $0.hasSuffix(part) } ?? "" }
            #expect(line(" .dockerenv").hasPrefix("-rwxr-xr-x 0/0 0"))
            #expect(line(" a/pipe").hasPrefix("prw-r--r-- 3000000/4000000 0"))
            #expect(line(" a/hard").hasPrefix("-rwsr-xr-x 0/0 2"))
            #expect(line("link to a/hard").contains(" etc/new "))
            #expect(line(" a/null").hasPrefix("crw-r--r-- 0/0 1,3"))
            #expect(line(" a/b/").contains("2020-09-13"))
            #expect(line(" a/soft -> x") != "")
            #expect(!lines.contains { $0.hasSuffix(" bin/ls") || $0.contains(" usr/") || $0.contains("a/gone") })
            let paths = try command(["tar", "tf", scratch.path + "/one.tar"]).lines
            #expect(paths == paths.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
            // What was exported is imported, and the other way round.
            let id = try daemon.ok(client, "import", scratch.path + "/one.tar", name)
            #expect(
                try daemon.ok(client, "run", "--rm", "--network", "none", name, "tail", "-c4", "/a/sparse") == "end")
            try daemon.ok(client, "rm", name)
            try daemon.ok(client, "rmi", id)
            let refused = try daemon.run(client, "export", "-o", scratch.path + "/none/file", "nobody")
            #expect(refused.status == 1 && refused.err.contains("none"), "\(refused)")
        }

        @Test(arguments: Client.all)
        func commitsWhatChanged(client: Client) throws {
            let name = "work-\(client)"
            let image = "committed/\(client):v1"
            try daemon.ok(
                client, "run", "--name", name, "--network", "none", "-e", "OLD=1", "-w", "/var", "busybox", "sh", "-c",
                Self.work)
            let id = try daemon.ok(
                client, "commit", "-a", "A Person <a@example>", "-m", "what for", "-c", "CMD [\"cat\", \"/etc/new\"]",
                "-c",
                "ENV NEW=2", "-c", "LABEL kind=test", "-c", "EXPOSE 80", name, image)
            #expect(id.hasPrefix("sha256:") && id.count == 71)
            let format =
                "{{.Author}}|{{.Comment}}|{{json .Config.Cmd}}|{{json .Config.Env}}|{{.Config.WorkingDir}}|"
                + "{{.Config.Labels.kind}}|{{len .RootFS.Layers}}|{{.Architecture}}|{{json .Config.ExposedPorts}}"
            #expect(
                try daemon.ok(client, "image", "inspect", "-f", format, image)
                    == "A Person <a@example>|what for|[\"cat\",\"/etc/new\"]|[\"OLD=1\",\"NEW=2\"]|/var|test|2|amd64|"
                    + "{\"80/tcp\":{}}")
            #expect(try daemon.ok(client, "run", "--rm", "--network", "none", image) == "x")
            let script = """
                ls /bin/ls /usr 2>/dev/null; ls -A /home /home/alice; stat -c '%n %u:%g %a %h %F' /a/hard /a/pipe /a/null /etc/new
                stat -c '%s' /a/sparse; tail -c4 /a/sparse; [ $(stat -c %b /a/sparse) -lt 100 ] && echo still sparse
                stat -c %Y /a/b; readlink /a/soft; tail -n1 /etc/passwd
                """
            let seen = try daemon.run(client, "run", "--rm", "--network", "none", image, "sh", "-c", script).lines
            #expect(
                seen == [
                    "/home:", "alice", "/home/alice:", "f", "/a/hard 0:0 4755 2 regular file",
                    "/a/pipe 3000000:4000000 644 1 fifo",
                    "/a/null 0:0 644 1 character special file", "/etc/new 0:0 4755 2 regular file", "8388612", "end",
                    "still sparse", "1600000000", "x", "more",
                ])
            let history = try daemon.run(client, "history", "--format", "{{.Comment}}|{{.Size}}", image).lines
            #expect(history.count == 2 && history.first?.hasPrefix("what for|8.39MB") == true, "\(history)")
            // An image with children stays, and a container that wrote nothing adds no layer.
            let parent = try daemon.ok(client, "inspect", "-f", "{{.Image}}", name)
            #expect(try daemon.run(client, "rmi", "-f", parent).err.contains("dependent child images"))
            let idle = try daemon.ok(client, "create", image, "true")
            let empty = try daemon.ok(client, "commit", idle)
            #expect(
                try daemon.ok(client, "image", "inspect", "-f", "{{len .RootFS.Layers}}|{{.RepoTags}}", empty) == "2|[]"
            )
            try daemon.ok(client, "rm", name, idle)
            try daemon.ok(client, "rmi", empty, image)
        }

        @Test func pausesWhileItCommits() throws {
            let name = try daemon.ok(.docker, "run", "-d", "--network", "none", "busybox", "sleep", "1000")
            let id = try daemon.ok(.docker, "commit", name, "paused/one")
            try daemon.ok(.docker, "commit", "--pause=false", name, "paused/two")
            let until = try succeed(["date", "+%s"])
            let events = try daemon.run(
                .docker, "events", "--since", "1h", "--until", until + ".999999999", "-f", "container=\(name)",
                "--format",
                "{{.Action}} {{.Actor.Attributes.imageRef}}"
            ).lines.map { $0.replacingOccurrences(of: " <no value>", with: "") }
            #expect(events.suffix(4) == ["pause", "unpause", "commit paused/one:latest", "commit paused/two:latest"])
            #expect(try daemon.ok(.docker, "inspect", "-f", "{{.State.Status}}", name) == "running")
            try daemon.ok(.docker, "rm", "-f", name)
            try daemon.ok(.docker, "rmi", id, "paused/two")
        }

        @Test func importsFromAnAddress() throws {
            try withWebServer { port in
                for client in Client.all {
                    let shown = try daemon.ok(
                        client, "import", "--platform", "linux/arm64", "-m", "from afar",
                        "http://127.0.0.1:\(port)/root.tar",
                        "web/\(client)")
                    #expect(shown.contains("Downloading from http://127.0.0.1:\(port)/root.tar"), "\(shown)")
                    #expect(
                        try daemon.ok(
                            client, "image", "inspect", "-f", "{{.Architecture}} {{.Comment}}", "web/\(client)")
                            == "arm64 from afar")
                    let missing = try daemon.run(client, "import", "http://127.0.0.1:\(port)/none.tar")
                    #expect(missing.status == 1 && missing.err.contains("404"), "\(missing)")
                    try daemon.ok(client, "rmi", "web/\(client)")
                }
            }
        }

        // MARK: save and load

        /// Two images with two layers and three names.
        private func makeImages(_ prefix: String) throws -> (String, String) {
            let name = try daemon.ok(
                .docker, "run", "-d", "--network", "none", "busybox", "sh", "-c", Self.work)
            try daemon.ok(.docker, "wait", name)
            let one = try daemon.ok(.docker, "commit", "-m", "one", name, "\(prefix)/one:v1")
            try daemon.ok(.docker, "tag", "\(prefix)/one:v1", "\(prefix)/one:v2")
            let two = try daemon.ok(.docker, "commit", "-c", "CMD [\"cat\", \"/etc/new\"]", name, "\(prefix)/two")
            try daemon.ok(.docker, "rm", name)
            return (one, two)
        }

        @Test(arguments: Client.all)
        func savesAndLoadsSeveralImages(client: Client) throws {
            let scratch = try Scratch("save")
            let prefix = "kept\(client)"
            let (one, two) = try makeImages(prefix)
            let names = ["\(prefix)/one", "\(prefix)/two:latest", "busybox"]
            try daemon.ok(client, ["save", "-o", scratch.path + "/a.tar"] + names)
            let line = "'\(client.program)' save \(names.joined(separator: " ")) >\(scratch.path)/b.tar"
            try succeed(["sh", "-c", line], environment: daemon.environment)
            try succeed(["cmp", scratch.path + "/a.tar", scratch.path + "/b.tar"])
            let layers = try daemon.ok(client, "image", "inspect", "-f", "{{.RootFS.Layers}}", one)
            for packer in ["cat", "gzip -c", "zstd -qc", "xz -0c", "bzip2 -c"] {
                try daemon.ok(client, "rmi", "\(prefix)/one:v1", "\(prefix)/one:v2", "\(prefix)/two")
                #expect(try daemon.run(client, "image", "inspect", one).status == 1)
                try succeed(["sh", "-c", "\(packer) <\(scratch.path)/a.tar >\(scratch.path)/packed"])
                let shown =
                    packer == "cat"
                    ? try succeed(
                        ["sh", "-c", "'\(client.program)' load <\(scratch.path)/packed"],
                        environment: daemon.environment)
                    : try daemon.ok(client, "load", "-q", "-i", scratch.path + "/packed")
                let lines = shown.split(separator: "\n").map(String.init)
                #expect(
                    lines == ["one:v1", "one:v2", "two:latest"].map { "Loaded image: \(prefix)/\($0)" }
                        + ["Loaded image: busybox:latest"])
                #expect(try daemon.ok(client, "image", "inspect", "-f", "{{.Id}}", "\(prefix)/one:v2") == one)
                #expect(try daemon.ok(client, "image", "inspect", "-f", "{{.Id}}", "\(prefix)/two") == two)
                #expect(try daemon.ok(client, "image", "inspect", "-f", "{{.RootFS.Layers}}", one) == layers)
            }
            #expect(try daemon.ok(client, "run", "--rm", "--network", "none", "\(prefix)/two") == "x")
            // By its id an image has no name.
            try daemon.ok(client, "save", "-o", scratch.path + "/id.tar", String(two.dropFirst(7).prefix(12)))
            try daemon.ok(client, "rmi", "\(prefix)/two")
            #expect(try daemon.ok(client, "load", "-i", scratch.path + "/id.tar") == "Loaded image ID: \(two)")
            try daemon.ok(client, "rmi", two, "\(prefix)/one:v1", "\(prefix)/one:v2")
        }

        /// Progress for programs, and a name that moves.
        @Test func tellsOfALoadInMessages() throws {
            let scratch = try Scratch("messages")
            try daemon.ok(.docker, "save", "-o", scratch.path + "/a.tar", "busybox")
            let before = try daemon.ok(.docker, "image", "inspect", "-f", "{{.Id}}", "busybox")
            let other = try daemon.ok(.docker, "import", "-m", "another", BusyboxImage.tar, "busybox")
            let text = try succeed([
                "curl", "-s", "--unix-socket", daemon.socket, "-X", "POST", "-T", scratch.path + "/a.tar",
                "http://d/v1.41/images/load?quiet=0",
            ])
            let messages = try text.split(whereSeparator: \.isNewline).map {
                try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            let statuses = messages.compactMap { $0["status"] as? String }
            #expect(Set(statuses) == ["Loading layer"])
            let streams = messages.compactMap { $0["stream"] as? String }
            #expect(
                streams == [
                    "The image busybox:latest already exists, renaming the old one with ID \(other) to empty string\n",
                    "Loaded image: busybox:latest\n",
                ])
            #expect(try daemon.ok(.docker, "image", "inspect", "-f", "{{.Id}}", "busybox") == before)
            try daemon.ok(.docker, "rmi", other)
        }

        @Test func otherEnginesReadWhatWasSaved() throws {
            let scratch = try Scratch("peers")
            let (one, two) = try makeImages("peer")
            let file = scratch.path + "/a.tar"
            try daemon.ok(.docker, "save", "-o", file, "peer/one:v1", "peer/two")
            let layers = try daemon.ok(.docker, "image", "inspect", "-f", "{{json .RootFS.Layers}}", one)

            let docker = try DockerEngine()
            #expect(try docker.ok("load", "-qi", file).contains("Loaded image: peer/one:v1"))
            #expect(try docker.ok("image", "inspect", "-f", "{{.Id}}", "peer/two") == two)
            try docker.ok("save", "-o", scratch.path + "/docker.tar", "peer/one:v1", "peer/two")

            let podman = try Podman()
            try podman.ok("load", "-qi", file)
            #expect(try podman.ok("image", "inspect", "-f", "sha256:{{.Id}}", "peer/one:v1") == one)
            try podman.ok("save", "-q", "--format", "docker-archive", "-o", scratch.path + "/podman.tar", "peer/one:v1")
            try podman.ok("save", "-q", "--format", "oci-archive", "-o", scratch.path + "/layout.tar", "peer/one:v1")

            try succeed(["skopeo", "copy", "-q", "docker-archive:\(file):peer/one:v1", "oci:\(scratch.path)/layout:v1"])
            try succeed(["umoci", "unpack", "--image", "\(scratch.path)/layout:v1", scratch.path + "/bundle"])
            #expect(try Programs.text(scratch.path + "/bundle/rootfs/etc/new") == "x\n")
            try succeed(["umoci", "config", "--image", "\(scratch.path)/layout:v1", "--config.label", "by=umoci"])
            try succeed([
                "skopeo", "copy", "-q", "oci:\(scratch.path)/layout:v1",
                "docker-archive:\(scratch.path)/umoci.tar:peer/umoci:v1",
            ])

            try daemon.ok(.docker, "rmi", "peer/one:v1", "peer/one:v2", "peer/two")
            for (archive, name) in [("docker", "peer/one:v1"), ("podman", "peer/one:v1"), ("layout", "peer/one:v1")] {
                let shown = try daemon.ok(.docker, "load", "-i", "\(scratch.path)/\(archive).tar")
                #expect(shown.contains(name), "\(shown)")
                // Podman calls what has no registry localhost/….
                let loaded = shown.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
                // Docker writes images down in no order.
                let same = loaded.first { $0.hasSuffix(name) } ?? ""
                let found = try daemon.ok(.docker, "image", "inspect", "-f", "{{.Id}}", same)
                // A layout carries a configuration of Podman's own making; the layers are the same ones.
                if archive != "layout" { #expect(found == one) }
                #expect(try daemon.ok(.docker, "image", "inspect", "-f", "{{json .RootFS.Layers}}", found) == layers)
                try daemon.ok(.docker, ["rmi"] + loaded)
            }
            try daemon.ok(.docker, "load", "-i", scratch.path + "/umoci.tar")
            #expect(
                try daemon.ok(.docker, "image", "inspect", "-f", "{{.Config.Labels.by}}", "peer/umoci:v1") == "umoci")
            #expect(
                try daemon.ok(.docker, "run", "--rm", "--network", "none", "peer/umoci:v1", "cat", "/etc/new") == "x")
            try daemon.ok(.docker, "rmi", "peer/umoci:v1")
            try daemon.run(.docker, "rmi", "peer/two")
        }

        /// Before 1.10 an archive had no manifest, only directories that name their parents.
        @Test func loadsWhatOldDockersSaved() throws {
            let scratch = try Scratch("legacy")
            let file = scratch.path + "/old.tar"
            try succeed(["python3", Programs.fixtures + "/images.py", "legacy", file])
            let docker = try DockerEngine()
            try docker.ok("load", "-i", file)
            let names = ["old/base:latest", "registry.example:5000/old:x", "old/top:v1", "old/top:v2"]
            #expect(
                try daemon.run(.docker, "load", "-i", file).lines.sorted()
                    == names.map { "Loaded image: \($0)" }.sorted())
            let format =
                "{{.ID}} {{.Parent}} {{.Author}} {{.Comment}} {{json .Config}} {{json .RootFS}}"
            for name in names {
                #expect(
                    try daemon.ok(.docker, "image", "inspect", "-f", format, name)
                        == docker.ok("image", "inspect", "-f", format, name))
                #expect(
                    try daemon.ok(.docker, "history", "--no-trunc", name) == docker.ok("history", "--no-trunc", name))
            }
            #expect(try daemon.ok(.docker, "run", "--rm", "--network", "none", "old/top:v2") == "2")
            try daemon.ok(.docker, ["rmi"] + names)
        }

        /// An archive with an index offers several platforms; an image that is here has one.
        @Test(arguments: Client.all)
        func choosesAPlatform(client: Client) throws {
            let scratch = try Scratch("platforms")
            let (layout, file) = (scratch.path + "/layout", scratch.path + "/all.tar")
            try succeed(["python3", Programs.fixtures + "/images.py", "layout", "platforms", layout])
            try succeed(["tar", "-C", layout, "-cf", file, "."])
            let name = "chosen/\(client):v1"
            for (platform, architecture) in [("arm64", "arm64"), ("arm/v7", "arm"), ("amd64", "amd64")] {
                let shown = try daemon.ok(client, "load", "--platform", "linux/" + platform, "-i", file)
                let id = shown.split(separator: " ").last.map(String.init) ?? ""
                #expect(try daemon.ok(client, "image", "inspect", "-f", "{{.Architecture}}", id) == architecture)
                try daemon.ok(client, "tag", id, name)
                let saved = scratch.path + "/saved.tar"
                try daemon.ok(client, "save", "--platform", "linux/" + platform, "-o", saved, name)
                let other = platform == "amd64" ? "linux/s390x" : "linux/amd64"
                let refused = try daemon.run(client, "save", "--platform", other, "-o", saved + "2", name)
                #expect(refused.status == 1)
                #expect(refused.err.contains("does not provide the specified platform (\(other))"), "\(refused)")
                try daemon.ok(client, "rmi", name)
                #expect(try daemon.ok(client, "load", "-i", saved) == "Loaded image: " + name)
                #expect(try daemon.ok(client, "image", "inspect", "-f", "{{.Id}}", name) == id)
                try daemon.ok(client, "rmi", name)
            }
            let none = try daemon.run(client, "load", "--platform", "linux/s390x", "-i", file)
            #expect(none.status == 1)
            #expect(none.err.contains("linux/s390x"), "\(none)")
        }

        /// What was freed is what the layers took that nothing else needs, and their files are gone.
        @Test(arguments: Client.all)
        func prunesWhatNobodyUses(client: Client) throws {
            let name = try daemon.ok(
                client, "run", "-d", "--network", "none", "busybox", "sh", "-c",
                "head -c 3000000 /dev/urandom >/f")
            try daemon.ok(client, "wait", name)
            let nameless = try daemon.ok(client, "commit", name)
            let labelled = try daemon.ok(client, "commit", "-c", "LABEL keep=yes", name, "pruned/labelled:\(client)")
            let used = try daemon.ok(client, "commit", "-m", "used", name, "pruned/used:\(client)")
            try daemon.ok(client, "rm", name)
            let user = try daemon.ok(client, "create", used, "true")
            func reclaimed(_ arguments: String...) throws -> String {
                let shown = try daemon.ok(client, ["image", "prune", "-f"] + arguments)
                return shown.split(separator: "\n").last.map(String.init) ?? ""
            }
            #expect(try reclaimed("--filter", "until=1h") == "Total reclaimed space: 0B")
            // The layer is still another image's.
            #expect(try reclaimed() == "Total reclaimed space: 0B")
            #expect(try daemon.run(client, "image", "inspect", nameless).status == 1)
            #expect(try reclaimed("-a", "--filter", "label!=keep=yes") == "Total reclaimed space: 0B")
            #expect(try daemon.run(client, "image", "inspect", labelled).status == 0)
            try daemon.ok(client, "rm", user)
            #expect(try reclaimed("-a", "--filter", "label=keep") == "Total reclaimed space: 0B")
            let before = try command(["du", "-sk", daemon.data + "/images", daemon.data + "/layers"]).lines
            #expect(try reclaimed("-a", "--filter", "label!=x") != "")
            #expect(try daemon.run(client, "images", "-aq").lines.isEmpty)
            let after = try command(["du", "-sk", daemon.data + "/images", daemon.data + "/layers"]).lines
            for (one, two) in zip(before, after) {
                let sizes = [one, two].map { Int($0.split(separator: "\t")[0]) ?? 0 }
                #expect(sizes[0] - sizes[1] > 2900, "\(before) \(after)")
            }
            #expect(
                try daemon.run(client, "image", "prune", "-f", "--filter", "shape=round").err.contains("invalid filter")
            )
            try daemon.ok(client, "import", BusyboxImage.tar, "busybox:latest")
        }

        /// The store itself is a layout that other tools read, and it follows what happens.
        @Test func theStoreIsALayout() throws {
            let place = "oci:\(try daemon.root)/data/images:"
            try daemon.ok(.docker, "tag", "busybox", "laid/out:v1")
            try eventually("skopeo finds the name") {
                try command(["skopeo", "inspect", place + "laid/out:v1"]).status == 0
            }
            try daemon.ok(.docker, "rmi", "laid/out:v1")
            try eventually("the name is gone") {
                try command(["skopeo", "inspect", place + "laid/out:v1"]).status != 0
            }
        }
    }
}
