import Foundation
import Glibc
import Testing

extension Integration {
    /// A disk that fills in the middle of changing the store.
    @Suite struct StoreFaults {
        /// Runs `body` with a small file system of its own.
        private func withDisk(_ megabytes: Int, _ body: (String, borrowing Scratch) throws -> Void) throws {
            let scratch = try Scratch("full")
            let disk = scratch.path + "/disk"
            try succeed([
                "sh", "-c", "truncate -s \(megabytes)M \(disk).img && mkfs.ext4 -q -m 0 \(disk).img && mkdir \(disk)",
            ])
            try succeed(["mount", "-o", "loop", disk + ".img", disk])
            defer { _ = try? command(["umount", "-l", disk]) }
            try body(disk, scratch)
        }

        private func expectFull(_ output: Output, _ doing: String) {
            #expect(output.status == 1 && output.err.contains("no space left on device"), "\(output)")
            #expect(output.err.contains(doing), "\(output)")
        }

        @Test func aFullDiskIsAnErrorAndNothingMore() throws {
            try withDisk(40) { disk, scratch in
                try Daemon.with { big in
                    let file = try big.grownArchive(in: scratch.path)
                    let registry = try Registry.get()
                    let image = registry.name("full/grown:1")
                    try big.ok(.gantry, "load", "-q", "-i", file)
                    try big.ok(.gantry, "tag", "grown:2", image)
                    try big.ok(.gantry, "push", "-q", image)
                    try Daemon.with(dataRoot: disk) { daemon in
                        let before = try daemon.settledStore()
                        for round in 0..<3 {
                            expectFull(try daemon.run(.gantry, "load", "-i", file), "no space left for image")
                            try daemon.expectStore(before, "round \(round)")
                            expectFull(try daemon.run(.gantry, "pull", image), "no space left for image")
                            try daemon.expectStore(before, "round \(round)")
                        }
                        // A container that fills the disk cannot be committed, and the space comes back with it.
                        let name = try daemon.ok(
                            .gantry, "run", "-d", "--network", "none", "busybox", "sh", "-c",
                            "head -c 14000000 /dev/urandom >/f")
                        try daemon.ok(.gantry, "wait", name)
                        expectFull(try daemon.run(.gantry, "commit", name, "full"), "no space left for image")
                        try daemon.ok(.gantry, "rm", name)
                        try daemon.expectStore(before)
                        let small = try daemon.ok(
                            .gantry, "run", "-d", "--network", "none", "busybox", "touch", "/small")
                        try daemon.ok(.gantry, "wait", small)
                        try daemon.ok(.gantry, "commit", small, "small")
                        try daemon.ok(.gantry, "rm", small)
                        try daemon.ok(.gantry, "rmi", "small")
                        try daemon.expectStore(before)
                    }
                }
            }
        }

        /// With not a byte left nothing new can be made, and what there is can be removed.
        @Test func removalsNeedNoSpace() throws {
            try withDisk(60) { disk, scratch in
                try Daemon.with(dataRoot: disk) { daemon in
                    let before = try daemon.settledStore()
                    let tar = scratch.path + "/one.tar"
                    try succeed([
                        "sh", "-c", "cd \(scratch.path) && head -c 5000000 /dev/urandom >one && tar -cf one.tar one",
                    ])
                    try daemon.ok(.gantry, "import", tar, "one:1")
                    try daemon.ok(.gantry, "tag", "one:1", "one:2")
                    let kept = try daemon.ok(.gantry, "create", "one:1", "true")
                    let unused = try daemon.ok(.gantry, "create", "busybox", "true")
                    try succeed([
                        "sh", "-c",
                        "cat /dev/zero >\(disk)/ballast 2>/dev/null; sync; cat /dev/zero >>\(disk)/ballast 2>/dev/null; sync",
                    ])
                    expectFull(try daemon.run(.gantry, "import", tar, "two"), "no space left for image")
                    // The last block may be enough for something small; else it is an error that says why.
                    let name = try Registry.get().name("zstd")
                    for arguments in [
                        ["commit", unused, "three"], ["pull", "-q", name], ["create", "busybox", "true"],
                    ] {
                        let made = try daemon.run(.gantry, arguments)
                        if made.status != 0 {
                            expectFull(made, "no space left on device")
                        } else {
                            try daemon.ok(.gantry, arguments[0] == "create" ? "rm" : "rmi", made.trimmed)
                        }
                    }
                    try daemon.ok(.gantry, "rm", kept, unused)
                    try daemon.ok(.gantry, "rmi", "one:1", "one:2")
                    // Room again, with the ballast still there.
                    try daemon.ok(.gantry, "import", tar, "two")
                    try daemon.ok(.gantry, "rmi", "two")
                    try succeed(["rm", "\(disk)/ballast"])
                    try daemon.expectStore(before)
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
