import Foundation
import Testing

extension Integration {
    /// Issue heading 8: a clear error, Docker's status and exit code, and nothing half-made left.
    @Suite(.daemon, .serialized) struct BadInput {
        /// Runs `body` and then compares what is on the disk, mounted and listed with what was there before.
        private func leavingNothing(_ body: () throws -> Void) throws {
            let before = try daemon.footprint()
            try body()
            do {
                try eventually("as before", seconds: 10) { try daemon.footprint().subtracting(before).isEmpty }
            } catch {
                let left = try daemon.footprint().subtracting(before).sorted()
                Issue.record("left behind:\n\(left.joined(separator: "\n"))")
            }
        }

        @Test(arguments: Client.all)
        func noSuchImage(client: Client) throws {
            try leavingNothing {
                let missing = try Registry.get().name("nosuch")
                let run = try daemon.run(client, "run", "--rm", missing, "true")
                #expect(run.status == 125)
                #expect(run.err.contains("Unable to find image '\(missing):latest' locally"), "\(run)")
                #expect(run.err.contains("nosuch"))
                let pull = try daemon.run(client, "pull", missing)
                #expect(pull.status == 1)
                #expect(pull.err.contains("not found") || pull.err.contains("manifest unknown"), "\(pull)")
                let tag = try daemon.run(client, "pull", Registry.get().name("busybox") + ":nosuchtag")
                #expect(tag.status == 1)
                #expect(tag.err.contains("nosuchtag"), "\(tag)")
                #expect(try daemon.run(client, "create", "--pull", "never", "nothing/here", "true").status == 1)
                for words in [["rmi", "nosuch"], ["tag", "nosuch", "other"], ["image", "inspect", "nosuch"]] {
                    let result = try daemon.run(client, words)
                    #expect(result.status == 1, "\(result)")
                    #expect(result.err.lowercased().contains("no such image"), "\(result)")
                }
                #expect(try daemon.request("POST", "/v1.41/images/nosuch/tag?repo=a&tag=b").status == 404)
                #expect(try daemon.request("DELETE", "/v1.41/images/nosuch").status == 404)
            }
        }

        @Test(arguments: Client.all)
        func unknownReference(client: Client) throws {
            try leavingNothing {
                for bad in ["UPPER", "lower/UPPER", "a b", "busybox:b*d", "busybox@sha256:123", "-", "http://x/y"] {
                    let pull = try daemon.run(client, ["pull", "--", bad])
                    #expect(pull.status == 1, "\(pull)")
                    let run = try daemon.run(client, ["run", "--rm", "--", bad, "true"])
                    #expect(run.status == 125, "\(run)")
                    let tag = try daemon.run(client, ["tag", "busybox", bad])
                    #expect(tag.status == 1, "\(tag)")
                    #expect(!tag.err.isEmpty, "\(tag)")
                }
                let status = try daemon.request("POST", "/v1.41/images/busybox/tag?repo=UPPER&tag=x").status
                #expect(status == (Programs.isGantry ? 400 : 500), "28 says 400, 20.10 said 500")
                #expect(
                    try daemon.request("POST", "/v1.41/containers/create", body: #"{"Image":"UPPER"}"#).status == 400)
            }
        }

        /// What is done to a blob of the registry, and what a pull must then refuse to use.
        @Test(arguments: Client.all, ["flipped", "truncated", "longer", "gone", "config"])
        func corruptLayer(client: Client, how: String) throws {
            let name = "corrupt-\(how)-\(client)"
            let registry = try Registry.get()
            try registry.pushOwn(name)
            let manifest = try JSONSerialization.jsonObject(with: Data(registry.manifest(name).utf8)) as? [String: Any]
            let layer = ((manifest?["layers"] as? [[String: Any]])?.first?["digest"] as? String) ?? ""
            let config = ((manifest?["config"] as? [String: Any])?["digest"] as? String) ?? ""
            let path = registry.blob(how == "config" ? config : layer)
            let size = try succeed(["stat", "-c", "%s", path])
            switch how {
            case "flipped":
                try succeed([
                    "sh", "-c", "printf XYZ | dd of=\(path) bs=1 seek=$((\(size)/2)) conv=notrunc 2>/dev/null",
                ])
            case "truncated": try succeed(["truncate", "-s", "\((Int(size) ?? 0) / 2)", path])
            case "longer": try succeed(["sh", "-c", "printf more >>\(path)"])
            case "config": try succeed(["sed", "-i", "s/sh/SH/", path])
            default: try succeed(["rm", path])
            }
            try leavingNothing {
                let pull = try daemon.run(client, "pull", registry.name(name))
                #expect(pull.status == 1, "\(pull)")
                #expect(!pull.err.isEmpty)
                #expect(try daemon.run(client, "image", "inspect", registry.name(name)).status == 1)
                #expect(try daemon.run(client, "run", "--rm", registry.name(name), "true").status == 125)
                #expect(try daemon.run(client, "images", "-q", registry.name(name)).out.isEmpty)
            }
        }

        @Test(arguments: Client.all)
        func badDigest(client: Client) throws {
            let registry = try Registry.get()
            try leavingNothing {
                let zeros = registry.name("busybox") + "@sha256:" + String(repeating: "0", count: 64)
                let unknown = try daemon.run(client, "pull", zeros)
                #expect(unknown.status == 1, "\(unknown)")
                let mismatch = try daemon.run(client, "pull", registry.name("wrong-diff-id"))
                #expect(mismatch.status == 1, "\(mismatch)")
                // A manifest whose bytes are not what its digest says.
                let name = "tampered-\(client)"
                try registry.pushOwn(name)
                let digest = try succeed(["sha256sum"], input: Array(registry.manifest(name).utf8)).prefix(64)
                try succeed(["sed", "-i", "s/schemaVersion\":2/schemaVersion\": 2/", registry.blob("sha256:\(digest)")])
                let tampered = try daemon.run(client, "pull", registry.name(name) + "@sha256:\(digest)")
                #expect(tampered.status == 1, "\(tampered)")
                #expect(tampered.err.contains("digest"), "\(tampered)")
            }
        }

        @Test(arguments: Client.all)
        func unreachableRegistry(client: Client) throws {
            let port = try freePort()
            try leavingNothing {
                let pull = try daemon.run(client, "pull", "127.0.0.1:\(port)/test/busybox")
                #expect(pull.status == 1)
                #expect(pull.err.contains("127.0.0.1:\(port)") && pull.err.contains("refused"), "\(pull)")
                let run = try daemon.run(client, "run", "--rm", "127.0.0.1:\(port)/test/busybox", "true")
                #expect(run.status == 125)
                let status = try daemon.request("POST", "/v1.41/images/create?fromImage=127.0.0.1:\(port)/x&tag=y")
                    .status
                #expect(status == 500)
            }
        }

        @Test(arguments: Client.all)
        func nameConflict(client: Client) throws {
            let name = "conflict-\(client)"
            let id = try daemon.ok(client, "create", "--name", name, "busybox", "true")
            try leavingNothing {
                let again = try daemon.run(client, "run", "--name", name, "busybox", "true")
                #expect(again.status == 125)
                #expect(
                    again.err.contains(
                        "Conflict. The container name \"/\(name)\" is already in use by container \"\(id)\""),
                    "\(again)")
                #expect(try daemon.run(client, "create", "--name", name, "busybox", "true").status == 1)
                let invalid = try daemon.run(client, "run", "--name", "b*d name", "busybox", "true")
                #expect(invalid.status == 125)
                #expect(invalid.err.contains("Invalid container name"), "\(invalid)")
            }
            try daemon.ok(client, "rm", name)
        }

        @Test(arguments: Client.all)
        func missingCommand(client: Client) throws {
            try leavingNothing {
                for (word, status) in [
                    ("nosuchcommand", 127), ("/no/such/file", 127), ("/etc/passwd", 126), ("/tmp", 126),
                ] {
                    let result = try daemon.run(client, "run", "--rm", "busybox", word)
                    #expect(result.status == Int32(status), "\(result)")
                    #expect(result.err.contains(word), "\(result)")
                    #expect(result.out.isEmpty)
                }
                let user = try daemon.run(client, "run", "--rm", "-u", "nobodyhere", "busybox", "true")
                #expect(user.status != 0 && user.err.contains("nobodyhere"), "\(user)")
                let relative = try daemon.run(client, "run", "--rm", "-v", "relative:/x:bad", "busybox", "true")
                #expect(relative.status == 125, "\(relative)")
            }
            // Kept for a look, without --rm: created, with the exit code that the user saw.
            let name = "missing-\(client)"
            #expect(try daemon.run(client, "run", "--name", name, "busybox", "nosuchcommand").status == 127)
            #expect(
                try daemon.ok(client, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name) == "created 127")
            let started = try daemon.run(client, "start", name)
            #expect(started.status == 1, "\(started)")
            #expect(try daemon.request("POST", "/v1.41/containers/\(name)/start").status == 400)
            try daemon.ok(client, "rm", name)
        }

        @Test(arguments: Client.all)
        func unknownFlag(client: Client) throws {
            try leavingNothing {
                for words in [
                    ["run", "--nosuch", "busybox"], ["run", "-y", "busybox"], ["run"],
                    ["run", "-m", "lots", "busybox"],
                ] {
                    let result = try daemon.run(client, words)
                    #expect(result.status == (words.count == 1 ? 1 : 125), "\(result)")
                    #expect(!result.err.isEmpty)
                }
                let unknown = try daemon.run(client, "run", "--nosuch", "busybox")
                #expect(unknown.err.contains("unknown flag: --nosuch"), "\(unknown)")
                #expect(unknown.err.contains("run --help"), "\(unknown)")
                for words in [["ps", "--nosuch"], ["exec", "--nosuch", "x", "y"], ["images", "--nosuch"]] {
                    let result = try daemon.run(client, words)
                    #expect(result.status == (words[0] == "exec" ? 125 : 125) || result.status == 1, "\(result)")
                    #expect(result.err.contains("unknown flag: --nosuch"), "\(result)")
                }
                let command = try daemon.run(client, "nosuchcommand")
                #expect(command.status == 1, "\(command)")
                #expect(command.err.contains("nosuchcommand"))
                for words in [
                    ["stop", "nosuch"], ["rm", "nosuch"], ["kill", "nosuch"], ["start", "nosuch"], ["logs", "nosuch"],
                    ["exec", "nosuch", "true"], ["attach", "nosuch"], ["wait", "nosuch"], ["inspect", "nosuch"],
                    ["top", "nosuch"],
                    ["port", "nosuch"],
                ] {
                    let result = try daemon.run(client, words)
                    #expect(result.status == 1, "\(result)")
                    #expect(result.err.lowercased().contains("no such") && result.err.contains("nosuch"), "\(result)")
                }
            }
        }

        @Test(arguments: Client.all)
        func badValues(client: Client) throws {
            try leavingNothing {
                for words in [
                    ["-p", "notaport:80"], ["-p", "99999:80"], ["-m", "1k"], ["--cpus", "-1"],
                    ["--network", "nosuchnetwork"],
                    ["-v", "/tmp:relative"], ["--cap-add", "NOSUCH"], ["-e", "=x"],
                ] {
                    let result = try daemon.run(client, ["run", "--rm"] + words + ["busybox", "true"])
                    #expect(result.status == 125, "\(words): \(result)")
                    #expect(!result.err.isEmpty)
                }
            }
        }

        @Test(arguments: Client.all)
        func layersThatWouldLeaveTheRoot(client: Client) throws {
            let before = try daemon.footprint()
            let result = try daemon.run(client, "pull", Registry.get().name("escaping"))
            for place in ["/", try daemon.root, try daemon.root + "/data", "/tmp"] {
                for name in ["escaped-by-dots", "escaped-by-symlink"] { #expect(!Programs.exists("\(place)/\(name)")) }
            }
            #expect(result.status == 1, "\(result)")
            #expect(try daemon.footprint().subtracting(before).isEmpty)
        }

        @Test(arguments: Client.all)
        func archivesThatAreNone(client: Client) throws {
            try leavingNothing {
                let noise = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
                let result = try daemon.run(client, ["import", "-", "noise:\(client)"], input: noise)
                #expect(result.status == 1, "\(result)")
                #expect(try daemon.run(client, "import", "/no/such/file.tar", "x:y").status == 1)
                let archive = Array(try Data(contentsOf: URL(fileURLWithPath: BusyboxImage.tar)).prefix(1_000_000))
                #expect(try daemon.run(client, ["import", "-", "cut:\(client)"], input: archive).status == 1)
                #expect(try daemon.run(client, "image", "inspect", "noise:\(client)").status == 1)
            }
        }
    }
}
