import Foundation
import Glibc
import Testing

extension Integration {
    /// A disk that fills in the middle of changing the store.
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
