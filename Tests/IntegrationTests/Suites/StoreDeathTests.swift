import Foundation
import Glibc
import Testing

extension Integration {
    /// `kill -9` on the daemon in the middle of load, commit and rmi: all of it happened or nothing, the same again
    /// succeeds, no space is lost. For pull and push see `TransferDeath`.
    @Suite struct StoreDeath {
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
                let before = try daemon.settledStore()
                let load = ["load", "-q", "-i", try daemon.grownArchive(in: scratch.path)]
                try daemon.expectStore(before, "at first")
                let time = try duration(daemon, load)
                let whole = try daemon.settledStore()
                try daemon.ok(.gantry, "rmi", "grown:2")
                for round in 0..<20 {
                    let place = "seed \(seed), round \(round)"
                    let moment = UInt32.random(in: 0..<(time + time / 10), using: &random)
                    if try !interrupt(daemon, load, after: moment) { try daemon.ok(.gantry, load) }
                    try daemon.expectStore(whole, place)
                    #expect(try read(daemon, "cat /d1/* /d2/* | wc -c") == "20000000", "\(place)")
                    // While the container of the line above is still being taken apart.
                    try daemon.ok(.gantry, "rmi", "grown:2")
                    try daemon.expectStore(before, place)
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
                let before = try daemon.settledStore()
                let time = try duration(daemon, commit)
                let count = try daemon.settledStore().count
                try daemon.ok(.gantry, "rmi", "grown:2")
                for round in 0..<15 {
                    let place = "seed \(seed), round \(round)"
                    try daemon.expectStore(before, place)
                    // Also while the layer is being unpacked, behind the answer.
                    let moment = UInt32.random(in: 0..<(2 * time), using: &random)
                    // Nobody saw the id of one that was made and not told; it is an image like any other.
                    if try !interrupt(daemon, commit, after: moment),
                        try daemon.ok(.gantry, "images", "-q", "grown:2") == ""
                    {
                        try daemon.expectStore(before, place)
                        try daemon.ok(.gantry, commit)
                    }
                    var found = 0
                    try? eventually("the index is written") {
                        found = try daemon.store().count
                        return found == count
                    }
                    #expect(found == count, "\(place)")
                    #expect(try read(daemon, "cat /d/* | wc -c") == "15000000", "\(place)")
                    try daemon.ok(.gantry, "rmi", "grown:2")
                }
                try daemon.expectStore(before, "at the end")
            }
        }

        @Test func aRemovalSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let scratch = try Scratch("rmi")
            try Daemon.with { daemon in
                let before = try daemon.settledStore()
                let load = ["load", "-q", "-i", try daemon.grownArchive(in: scratch.path)]
                try daemon.ok(.gantry, load)
                let whole = try daemon.settledStore()
                let time = try duration(daemon, ["rmi", "grown:2"])
                for round in 0..<15 {
                    let place = "seed \(seed), round \(round)"
                    try daemon.ok(.gantry, load)
                    let moment = UInt32.random(in: 0..<(time + time / 10), using: &random)
                    let isDone = try interrupt(daemon, ["rmi", "grown:2"], after: moment)
                    // All of it is there or nothing.
                    if try daemon.ok(.gantry, "images", "-q", "grown:2") != "" {
                        #expect(!isDone, "\(place)")
                        try daemon.expectStore(whole, place)
                        #expect(try read(daemon, "ls /d2/200") == "/d2/200", "\(place)")
                        try daemon.ok(.gantry, "rmi", "grown:2")
                    }
                    try daemon.expectStore(before, place)
                }
            }
        }

        /// Layers that only containers stand on go with the last of them, also when a new daemon has begun meanwhile.
        @Test func layersGoWithTheLastContainer() throws {
            try Daemon.with { daemon in
                let before = try daemon.settledStore()
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
                    try daemon.expectStore(before, "\(isRestarted)")
                }
            }
        }
    }
}
