import Foundation
import Glibc
import Testing

extension Integration {
    /// `kill -9` on the daemon in the middle of load, commit and rmi: all of it happened or nothing, the same again
    /// succeeds, no space is lost. For pull and push see `TransferDeath`.
    @Suite struct StoreDeath {
        /// Blobs, layers, writable layers and whatever is half there.
        private func store(_ daemon: Daemon) throws -> Set<String> {
            Set(
                try succeed([
                    "sh", "-c",
                    "cd \(daemon.data) && find images/blobs images/ingest images/partial -type f; "
                        + "find layers containers -mindepth 1 -maxdepth 1",
                ]).split(separator: "\n").map(String.init))
        }

        /// The same, to compare with: once the index for other tools is written, by way of a file in `ingest`, what was
        /// not needed is deleted, and what was committed is unpacked.
        private func settled(_ daemon: Daemon) throws -> Set<String> {
            var found: Set<String> = []
            try eventually("what goes on behind the answers is done", seconds: 10) {
                found = try store(daemon)
                let isBusy = found.contains { name in
                    ["images/ingest/", "layers/new-", "layers/old-"].contains { name.hasPrefix($0) }
                }
                return try !isBusy && layers(daemon).isSubset(of: found)
            }
            return found
        }

        /// The layers of all images.
        private func layers(_ daemon: Daemon) throws -> Set<String> {
            let images = try daemon.ok(.gantry, "images", "-q", "--no-trunc").split(separator: "\n").map(String.init)
            let layers = try daemon.ok(
                .gantry, ["image", "inspect", "-f", "{{join .RootFS.Layers \" \"}}"] + images
            ).split { $0.isWhitespace }
            return Set(layers.map { "layers/" + $0.dropFirst("sha256:".count) })
        }

        /// The index for other tools is written a moment after an answer, and a container is taken apart after its own.
        private func expect(_ wanted: Set<String>, in daemon: Daemon, _ round: String) throws {
            var found: Set<String> = []
            try? eventually("the store is as it should be", seconds: 5) {
                found = try store(daemon)
                return found == wanted
            }
            #expect(found == wanted, "\(round): \(found.symmetricDifference(wanted).sorted().prefix(5))")
        }

        /// How long a command takes here, in microseconds.
        private func duration(_ daemon: Daemon, _ arguments: [String]) throws -> UInt32 {
            let start = Date()
            try daemon.ok(.gantry, arguments)
            return UInt32(Date().timeIntervalSince(start) * 1_000_000)
        }

        /// Runs a command and kills the daemon some time later; whether the command was told that it is done.
        private func interrupt(
            _ daemon: Daemon, _ arguments: [String], after microseconds: UInt32
        ) throws -> Bool {
            let child = try daemon.start(.gantry, arguments)
            usleep(microseconds)
            try daemon.kill9()
            let result = try child.wait()
            try daemon.start()
            return result.status == 0
        }

        private func read(_ daemon: Daemon, _ script: String) throws -> String {
            try daemon.ok(.gantry, "run", "--rm", "--network", "none", "grown:2", "sh", "-c", script)
        }

        @Test func aLoadSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let scratch = try Scratch("load")
            try Daemon.with { daemon in
                let before = try settled(daemon)
                let load = ["load", "-q", "-i", try daemon.grownArchive(in: scratch.path)]
                try expect(before, in: daemon, "at first")
                let time = try duration(daemon, load)
                let whole = try settled(daemon)
                try daemon.ok(.gantry, "rmi", "grown:2")
                for round in 0..<20 {
                    let place = "seed \(seed), round \(round)"
                    let moment = UInt32.random(in: 0..<(time + time / 10), using: &random)
                    if try !interrupt(daemon, load, after: moment) { try daemon.ok(.gantry, load) }
                    try expect(whole, in: daemon, place)
                    #expect(try read(daemon, "cat /d1/* /d2/* | wc -c") == "20000000", "\(place)")
                    // While the container of the line above is still being taken apart.
                    try daemon.ok(.gantry, "rmi", "grown:2")
                    try expect(before, in: daemon, place)
                }
            }
        }

        @Test func aCommitSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            try Daemon.with { daemon in
                try daemon.ok(
                    .gantry, "run", "--name", "grower", "--network", "none", "busybox", "sh", "-c",
                    "mkdir /d; for i in $(seq 300); do head -c 50000 /dev/urandom >/d/$i; done")
                let commit = ["commit", "grower", "grown:2"]
                let before = try settled(daemon)
                let time = try duration(daemon, commit)
                let count = try settled(daemon).count
                try daemon.ok(.gantry, "rmi", "grown:2")
                for round in 0..<15 {
                    let place = "seed \(seed), round \(round)"
                    try expect(before, in: daemon, place)
                    // Also while the layer is being unpacked, behind the answer.
                    let moment = UInt32.random(in: 0..<(2 * time), using: &random)
                    // Nobody saw the id of one that was made and not told; it is an image like any other.
                    if try !interrupt(daemon, commit, after: moment),
                        try daemon.ok(.gantry, "images", "-q", "grown:2") == ""
                    {
                        try expect(before, in: daemon, place)
                        try daemon.ok(.gantry, commit)
                    }
                    var found = 0
                    try? eventually("the index is written") {
                        found = try store(daemon).count
                        return found == count
                    }
                    #expect(found == count, "\(place)")
                    #expect(try read(daemon, "cat /d/* | wc -c") == "15000000", "\(place)")
                    try daemon.ok(.gantry, "rmi", "grown:2")
                }
                try expect(before, in: daemon, "at the end")
            }
        }

        @Test func aRemovalSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let scratch = try Scratch("rmi")
            try Daemon.with { daemon in
                let before = try settled(daemon)
                let load = ["load", "-q", "-i", try daemon.grownArchive(in: scratch.path)]
                try daemon.ok(.gantry, load)
                let whole = try settled(daemon)
                let time = try duration(daemon, ["rmi", "grown:2"])
                for round in 0..<15 {
                    let place = "seed \(seed), round \(round)"
                    try daemon.ok(.gantry, load)
                    let moment = UInt32.random(in: 0..<(time + time / 10), using: &random)
                    let isDone = try interrupt(daemon, ["rmi", "grown:2"], after: moment)
                    // All of it is there or nothing.
                    if try daemon.ok(.gantry, "images", "-q", "grown:2") != "" {
                        #expect(!isDone, "\(place)")
                        try expect(whole, in: daemon, place)
                        #expect(try read(daemon, "ls /d2/200") == "/d2/200", "\(place)")
                        try daemon.ok(.gantry, "rmi", "grown:2")
                    }
                    try expect(before, in: daemon, place)
                }
            }
        }

        /// Layers that only containers stand on go with the last of them, also when a new daemon has begun meanwhile.
        @Test func layersGoWithTheLastContainer() throws {
            try Daemon.with { daemon in
                let before = try settled(daemon)
                for isRestarted in [false, true] {
                    let tar = daemon.root + "/one.tar"
                    try succeed(["sh", "-c", "cd \(daemon.root) && echo \(isRestarted) >mark && tar -cf one.tar mark"])
                    try daemon.ok(.gantry, "import", tar, "one")
                    let names = ["c1", "c2"]
                    for name in names { try daemon.ok(.gantry, "create", "--name", name, "one", "true") }
                    let layer = try daemon.ok(.gantry, "inspect", "-f", "{{index .RootFS.Layers 0}}", "one")
                    let path = daemon.data + "/layers/" + layer.dropFirst("sha256:".count)
                    try daemon.ok(.gantry, "rmi", "-f", "one")
                    #expect(Programs.exists(path))
                    if isRestarted {
                        try daemon.kill9()
                        try daemon.start()
                    }
                    try daemon.ok(.gantry, "rm", "c1")
                    #expect(Programs.exists(path))
                    try daemon.ok(.gantry, "rm", "c2")
                    try expect(before, in: daemon, "\(isRestarted)")
                }
            }
        }
    }
}
