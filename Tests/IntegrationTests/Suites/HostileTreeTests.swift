import Foundation
import Testing

extension Integration {
    /// What a container writes to harm whoever walks it: row 73 of the known escapes.
    @Suite struct HostileTrees {
        /// 30,000 nested directories, made of chains that a path can still name, each moved to the end of the next.
        private static let nest = """
            cd / && chain=$(printf 'd/%.0s' $(seq 1500)) && mkdir -p $chain && mv d x
            for i in $(seq 19); do mkdir -p $chain && mv x ${chain}x && mv d x; done
            """

        /// A daemon that runs out of descriptors soon.
        private func limit(_ daemon: Daemon) throws {
            try succeed(["prlimit", "--pid", "\(try #require(daemon.pid))", "--nofile=512:512"])
        }

        @Test func outlivesThirtyThousandLevels() throws {
            // In memory: 30,000 directories take a disk its time.
            let scratch = try Scratch("deep")
            try succeed(["mount", "-t", "tmpfs", "-o", "mode=0711", "none", scratch.path])
            defer { _ = try? command(["umount", "-l", scratch.path]) }
            try Daemon.with(dataRoot: scratch.path) { daemon in
                try limit(daemon)
                try daemon.ok(.gantry, "run", "--name", "deep", "--network", "none", "busybox", "sh", "-c", Self.nest)
                #expect(try daemon.ok(.docker, "ps", "-as", "--format", "{{.Size}}").hasPrefix("0B"))
                // Docker cannot name them either.
                for words in [["diff", "deep"], ["export", "-o", "/dev/null", "deep"], ["commit", "deep"]] {
                    let refused = try daemon.run(.docker, words)
                    #expect(refused.status != 0, "\(words)")
                    #expect(words[0] == "export" || refused.err.contains("nested too deeply"), "\(words): \(refused)")
                }
                try daemon.ok(.gantry, "rm", "deep")
                try eventually("its files are gone") {
                    try FileManager.default.contentsOfDirectory(atPath: daemon.data + "/containers").isEmpty
                }
                // And one that a daemon which was killed was about to remove.
                try daemon.ok(.gantry, "run", "--name", "deep", "--network", "none", "busybox", "sh", "-c", Self.nest)
                let id = try daemon.ok(.gantry, "inspect", "-f", "{{.Id}}", "deep")
                try daemon.kill9()
                try FileManager.default.moveItem(
                    atPath: daemon.data + "/containers/\(id)/upper", toPath: daemon.data + "/containers/.removing-x")
                try daemon.start()
                try eventually("its files are gone") {
                    !Programs.exists(daemon.data + "/containers/.removing-x")
                }
                try FileManager.default.createDirectory(
                    atPath: daemon.data + "/containers/\(id)/upper", withIntermediateDirectories: false)
                try daemon.ok(.gantry, "rm", "deep")
            }
        }

        /// chattr(1) stands for whatever else a disk may hold against it.
        @Test func startsWithWhatCannotBeRemoved() throws {
            try Daemon.with { daemon in
                try daemon.stop()
                let stuck = daemon.data + "/containers/.removing-stuck"
                try succeed([
                    "sh", "-c", "mkdir -p \(stuck)/upper && touch \(stuck)/upper/f && chattr +i \(stuck)/upper/f",
                ])
                defer { _ = try? command(["chattr", "-i", stuck + "/upper/f"]) }
                try daemon.start()
                #expect(
                    try daemon.ok(.gantry, "run", "--rm", "--network", "none", "busybox", "echo", "alive") == "alive")
                try eventually("it is reported") {
                    try Programs.text(daemon.log).contains("\(stuck) cannot be removed")
                }
                try daemon.stop()
                try succeed(["chattr", "-i", stuck + "/upper/f"])
                try daemon.start()
                try eventually("it is gone") { !Programs.exists(stuck) }
            }
        }

        @Test func countsFilesOfTheLargestSize() throws {
            let scratch = try Scratch("large")
            try succeed(["mount", "-t", "tmpfs", "-o", "mode=0711", "none", scratch.path])
            defer { _ = try? command(["umount", "-l", scratch.path]) }
            try Daemon.with(dataRoot: scratch.path) { daemon in
                let largest = "9223372036854775807"
                try daemon.ok(
                    .gantry, "run", "--name", "large", "--network", "none", "busybox", "sh", "-c",
                    "truncate -s \(largest) /a /b && echo end >>/c")
                let (code, list) = try daemon.request("GET", "/containers/json?all=1&size=1")
                #expect(
                    code == 200 && list.contains("\"SizeRw\":\(largest)") && list.contains("\"SizeRootFs\":\(largest)"))
                for client in Client.all {
                    #expect(try daemon.ok(client, "ps", "-as", "--format", "{{.Size}}").hasPrefix("9.22EB"))
                    try daemon.ok(client, "system", "df")
                    #expect(try daemon.ok(client, "inspect", "-s", "-f", "{{.SizeRw}}", "large") == largest)
                }
                #expect(try daemon.ok(.gantry, "diff", "large") == "A /a\nA /b\nA /c")
                // Holes are left out of the archive.
                try daemon.ok(.gantry, "export", "-o", scratch.path + "/large.tar", "large")
                // Two layers of the largest size, one image more than that.
                try daemon.ok(.gantry, "commit", "large", "large:one")
                try daemon.ok(
                    .gantry, "run", "--name", "larger", "--network", "none", "large:one", "truncate", "-s", largest,
                    "/d")
                try daemon.ok(.gantry, "commit", "larger", "large:two")
                #expect(try daemon.ok(.gantry, "image", "inspect", "-f", "{{.Size}}", "large:two") == largest)
                #expect(try daemon.request("GET", "/system/df").body.contains("\"LayersSize\":\(largest)"))
                for client in Client.all { try daemon.ok(client, "system", "df") }
                try daemon.ok(.gantry, "save", "-o", scratch.path + "/large.tar", "large:two")
                try daemon.ok(.gantry, "container", "prune", "-f")
                try daemon.ok(.gantry, "image", "prune", "-af")
                try daemon.ok(.gantry, "load", "-i", scratch.path + "/large.tar")
                try daemon.kill9()
                try daemon.start()
                #expect(try daemon.ok(.gantry, "image", "inspect", "-f", "{{.Size}}", "large:two") == largest)
            }
        }
    }
}
