import Foundation
import Glibc
import Testing

extension Integration {
    /// A daemon killed, and a disk filled, in the middle of changing the store.
    @Suite struct StoreFaults {
        /// An image of about 20 MB in three layers, as an archive.
        private func archive(_ daemon: Daemon, in directory: String) throws -> String {
            for number in 1...2 {
                let name = try daemon.ok(
                    .gantry, "run", "-d", "--network", "none", number == 1 ? "busybox" : "grown:1", "sh", "-c",
                    "mkdir /d\(number); for i in $(seq 200); do head -c 50000 /dev/urandom >/d\(number)/$i; done")
                try daemon.ok(.gantry, "wait", name)
                try daemon.ok(.gantry, "commit", name, "grown:\(number)")
                try daemon.ok(.gantry, "rm", name)
            }
            let file = directory + "/grown.tar"
            try daemon.ok(.gantry, "save", "-o", file, "grown:2")
            try daemon.ok(.gantry, "rmi", "grown:2", "grown:1")
            return file
        }

        /// What is in the store; blobs and layers that nobody needs would show.
        private func contents(_ daemon: Daemon) throws -> Set<String> {
            let data = daemon.data
            return Set(
                try command([
                    "sh", "-c",
                    "cd \(data) && find images/blobs images/ingest -type f; find layers containers -mindepth 1 -maxdepth 1",
                ]).lines)
        }

        /// SIGKILL at moments spread over a command, as chance has it.
        private func kill(
            _ daemon: Daemon, times: Int, during arguments: [String], seed: UInt64, undo: () throws -> Void,
            check: (Bool) throws -> Void
        ) throws {
            var generator = SeededGenerator(seed)
            let start = Date()
            try daemon.ok(.gantry, arguments)
            let whole = Date().timeIntervalSince(start)
            try undo()
            let clean = try contents(daemon)
            for round in 0..<times {
                let child = try daemon.start(.gantry, arguments)
                usleep(UInt32(Double.random(in: 0...1.1, using: &generator) * whole * 1_000_000))
                try daemon.kill9()
                let result = try child.wait()
                try daemon.start()
                // Whether it was done or not, doing it again works, and nothing is left of the first attempt.
                try check(result.status == 0)
                if result.status != 0 { try daemon.ok(.gantry, arguments) }
                try check(true)
                try undo()
                let left = try contents(daemon).subtracting(clean)
                #expect(left.isEmpty, "round \(round) with seed \(seed): \(left.sorted().prefix(5))")
            }
        }

        private var seed: UInt64 {
            ProcessInfo.processInfo.environment["GANTRY_TEST_SEED"].flatMap { UInt64($0) } ?? 20_261_121
        }

        @Test func aKilledLoadLeavesAWholeStore() throws {
            try Daemon.with { daemon in
                let scratch = try Scratch("kill")
                let file = try archive(daemon, in: scratch.path)
                try kill(daemon, times: 20, during: ["load", "-q", "-i", file], seed: seed) {
                    try daemon.ok(.gantry, "rmi", "grown:2")
                } check: { isDone in
                    guard isDone else { return }
                    let seen = try daemon.ok(
                        .gantry, "run", "--rm", "--network", "none", "grown:2", "sh", "-c", "cat /d1/* /d2/* | wc -c")
                    #expect(seen == "20000000")
                }
            }
        }

        @Test func aKilledCommitLeavesAWholeStore() throws {
            try Daemon.with { daemon in
                try daemon.ok(
                    .gantry, "run", "--name", "grower", "--network", "none", "busybox", "sh", "-c",
                    "mkdir /d; for i in $(seq 300); do head -c 50000 /dev/urandom >/d/$i; done")
                try kill(daemon, times: 15, during: ["commit", "grower", "grown:2"], seed: seed + 1) {
                    try daemon.ok(.gantry, "rmi", "grown:2")
                } check: { isDone in
                    guard isDone else { return }
                    let seen = try daemon.ok(
                        .gantry, "run", "--rm", "--network", "none", "grown:2", "sh", "-c", "cat /d/* | wc -c")
                    #expect(seen == "15000000")
                }
            }
        }

        @Test func aKilledRemovalLeavesAWholeStore() throws {
            try Daemon.with { daemon in
                let scratch = try Scratch("kill")
                let file = try archive(daemon, in: scratch.path)
                let clean = try contents(daemon)
                var generator = SeededGenerator(seed + 2)
                for round in 0..<15 {
                    try daemon.ok(.gantry, "load", "-q", "-i", file)
                    let child = try daemon.start(.gantry, ["rmi", "grown:2"])
                    usleep(UInt32.random(in: 0...20_000, using: &generator))
                    try daemon.kill9()
                    _ = try child.wait()
                    try daemon.start()
                    // Either all of it is there or none.
                    if try daemon.ok(.gantry, "images", "-q", "grown") != "" {
                        #expect(
                            try daemon.ok(.gantry, "run", "--rm", "--network", "none", "grown:2", "ls", "/d2/200")
                                == "/d2/200")
                        try daemon.ok(.gantry, "rmi", "grown:2")
                    }
                    let left = try contents(daemon).subtracting(clean)
                    #expect(left.isEmpty, "round \(round) with seed \(seed): \(left.sorted().prefix(5))")
                }
            }
        }

        @Test func aFullDiskIsAnErrorAndNothingMore() throws {
            let scratch = try Scratch("full")
            let disk = scratch.path + "/disk"
            try succeed(["sh", "-c", "truncate -s 40M \(disk).img && mkfs.ext4 -q -m 0 \(disk).img && mkdir \(disk)"])
            try Daemon.with { big in
                let file = try archive(big, in: scratch.path)
                try succeed(["mount", "-o", "loop", disk + ".img", disk])
                defer { _ = try? command(["umount", "-l", disk]) }
                try Daemon.with(dataRoot: disk) { daemon in
                    let before = try contents(daemon)
                    for round in 0..<3 {
                        let refused = try daemon.run(.gantry, "load", "-i", file)
                        #expect(refused.status == 1 && refused.err.contains("no space left"), "\(refused)")
                        #expect(try contents(daemon) == before, "round \(round)")
                    }
                    // A container that fills the disk cannot be committed, and the space comes back with it.
                    let name = try daemon.ok(
                        .gantry, "run", "-d", "--network", "none", "busybox", "sh", "-c",
                        "head -c 14000000 /dev/urandom >/f")
                    try daemon.ok(.gantry, "wait", name)
                    let commit = try daemon.run(.gantry, "commit", name, "full")
                    #expect(commit.status == 1 && commit.err.contains("no space left"), "\(commit)")
                    try daemon.ok(.gantry, "rm", name)
                    #expect(try contents(daemon) == before)
                    let small = try daemon.ok(.gantry, "run", "-d", "--network", "none", "busybox", "touch", "/small")
                    try daemon.ok(.gantry, "wait", small)
                    try daemon.ok(.gantry, "commit", small, "small")
                    try daemon.ok(.gantry, "rm", small)
                    try daemon.ok(.gantry, "rmi", "small")
                    #expect(try contents(daemon) == before)
                }
            }
        }
    }

    /// The other ways to make a root.
    @Suite struct StorageDrivers {
        @Test func runsWithCopies() throws { try check("vfs", nil) }

        @Test func runsWithSubvolumes() throws {
            let scratch = try Scratch("btrfs")
            let disk = scratch.path + "/disk"
            try succeed(["sh", "-c", "truncate -s 300M \(disk).img && mkfs.btrfs -q \(disk).img && mkdir \(disk)"])
            try succeed(["mount", "-o", "loop", disk + ".img", disk])
            defer { _ = try? command(["umount", "-l", disk]) }
            try check("btrfs", disk)
        }

        private func check(_ driver: String, _ place: String?) throws {
            try Daemon.with(settings: ["storage-driver": "\"\(driver)\""], dataRoot: place) { daemon in
                #expect(try daemon.ok(.docker, "info", "-f", "{{.Driver}}") == driver)
                let name = try daemon.ok(
                    .docker, "run", "-d", "--network", "none", "busybox", "sh", "-c",
                    "echo x >/etc/new; rm -r /usr; mkdir /d; echo y >/d/f; cat /etc/new")
                try daemon.ok(.docker, "wait", name)
                #expect(try daemon.ok(.docker, "logs", name) == "x")
                #expect(
                    try daemon.run(.docker, "diff", name).lines.sorted()
                        == ["A /d", "A /d/f", "A /etc/new", "C /etc", "D /usr"])
                try daemon.ok(.docker, "commit", name, "made")
                #expect(
                    try daemon.ok(
                        .docker, "run", "--rm", "--network", "none", "made", "sh", "-c",
                        "cat /d/f; ls -d /usr 2>/dev/null; true")
                        == "y")
                #expect(try daemon.ok(.docker, "inspect", "-f", "{{.GraphDriver.Name}}", name) == driver)
                try daemon.ok(.docker, "rm", name)
                try daemon.ok(.docker, "rmi", "made")
            }
        }
    }
}

/// The same numbers for the same seed (SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
