import Foundation
import Testing

extension Integration {
    /// Issue heading 3: `pull` from Debian's registry, each time into an empty store.
    @Suite struct Pulls {
        /// Docker 20.10 knows no zstd layers.
        static let forms = ["busybox:v2s2", "busybox:oci", "platforms"] + (Programs.isGantry ? ["zstd"] : [])

        @Test(arguments: Client.all, forms)
        func pullsWhatRegistriesServe(client: Client, form: String) throws {
            let daemon = try Daemon()
            defer { try? daemon.finish() }
            let image = try Registry.get().name(form)
            let full = form.contains(":") ? image : image + ":latest"
            let pulled = try daemon.run(client, "pull", image)
            #expect(pulled.status == 0, "\(pulled)")
            let tag = full.split(separator: ":").last ?? ""
            let repository = "test/" + (form.split(separator: ":").first ?? "")
            if form == full.split(separator: "/").last ?? "" {
                #expect(pulled.lines.first == "\(tag): Pulling from \(repository)", "\(pulled)")
            }
            let digest = try "sha256:" + digestOf(Registry.get().manifest(form))
            #expect(pulled.lines.contains("Digest: \(digest)"), "\(pulled)")
            #expect(pulled.lines.contains("Status: Downloaded newer image for \(full)"), "\(pulled)")
            #expect(pulled.lines.last == full)
            #expect(try daemon.ok(client, "run", "--rm", full, "echo", "it runs") == "it runs")

            let again = try daemon.run(client, "pull", full)
            #expect(again.lines.contains("Status: Image is up to date for \(full)"), "\(again)")
            #expect(try daemon.ok(client, "pull", "-q", full) == full)
            let byDigest = String(full.dropLast(tag.count + 1)) + "@" + digest
            #expect(try daemon.ok(client, "pull", "-q", byDigest) == byDigest)
            let digests = try daemon.ok(client, "inspect", "-f", "{{json .RepoDigests}}", full)
            #expect(digests == "[\"\(byDigest)\"]")
        }

        @Test(arguments: Client.all)
        func picksThePlatform(client: Client) throws {
            let daemon = try Daemon()
            defer { try? daemon.finish() }
            let image = try Registry.get().name("platforms")
            try daemon.ok(client, "pull", image)
            #expect(try daemon.ok(client, "run", "--rm", image, "cat", "/platform") == "amd64")
            #expect(try daemon.ok(client, "inspect", "-f", "{{.Os}}/{{.Architecture}}", image) == "linux/amd64")
            try daemon.ok(client, "pull", "--platform", "linux/arm64", image)
            #expect(
                try daemon.ok(client, "image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", image) == "linux/arm64")
            let foreign = try daemon.run(client, "pull", Registry.get().name("foreign"))
            #expect(foreign.status == 1)
            #expect(foreign.err.contains("no matching manifest for linux/amd64"), "\(foreign)")
        }

        /// What a person sees in the end; on the way there each layer has a line that stays where it is.
        @Test func aTerminalShowsALinePerLayer() throws {
            let image = try Registry.get().name("layers") + ":latest"
            try Daemon.with { daemon in
                func screen(_ client: Client, _ arguments: String...) throws -> [String] {
                    let shown = try daemon.start(client, arguments, terminal: true).wait()
                    #expect(shown.status == 0 && shown.out.contains("\u{1b}["), "\(shown)")
                    return Screen(shown.out).text
                }
                let pulled = try Client.all.map { client in
                    defer { _ = try? daemon.ok(client, "rmi", image) }
                    return try screen(client, "pull", image)
                }
                #expect(pulled[0].count { $0.hasSuffix(": Pull complete") } > 1, "\(pulled)")
                #expect(Set(pulled).count == 1, "\(pulled)")
                try daemon.ok(.docker, "pull", image)
                let other = try Registry.get().name("screen-\(getpid())") + ":1"
                try daemon.ok(.docker, "tag", image, other)
                let pushed = try screen(.first, "push", other)
                #expect(pushed.count { $0.hasSuffix(": Pushed") || $0.contains(": Mounted from") } > 1, "\(pushed)")
                let scratch = try Scratch("saved")
                try daemon.ok(.docker, "save", "-o", scratch.path + "/all.tar", image)
                try daemon.ok(.docker, "rmi", image, other)
                let loaded = try screen(.first, "load", "-i", scratch.path + "/all.tar")
                #expect(loaded.count { $0.contains(": Loading layer") && $0.contains("/") } > 1, "\(loaded)")
                #expect(loaded.contains("Loaded image: \(image)"), "\(loaded)")
            }
        }

        private func digestOf(_ manifest: String) throws -> String {
            String(try succeed(["sha256sum"], input: Array(manifest.utf8)).prefix(64))
        }
    }
}
