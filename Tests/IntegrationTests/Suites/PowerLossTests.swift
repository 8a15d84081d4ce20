import Foundation
import Glibc
import Testing

extension Integration {
    /// The power goes: the disk has what had reached it by then, and nothing that was only in memory.
    ///
    /// The disk is a file on btrfs, of which `cp --reflink` makes a copy as of one moment while it is being written to.
    @Suite struct PowerLoss {
        private func mount(_ image: String, at place: String) throws {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            try succeed(["mount", "-o", "loop", image, place])
        }

        @Test func whatIsThereAfterwardsIsWhole() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let scratch = try Scratch("power")
            let outer = scratch.path + "/outer"
            try succeed(["sh", "-c", "truncate -s 8G \(outer).img && mkfs.btrfs -q \(outer).img"])
            try mount(outer + ".img", at: outer)
            defer { _ = try? command(["umount", "-l", outer]) }
            let disk = outer + "/disk"
            try succeed(["sh", "-c", "truncate -s 600M \(disk).img && mkfs.ext4 -q -m 0 \(disk).img"])
            try mount(disk + ".img", at: disk)
            defer { _ = try? command(["umount", "-l", disk]) }
            let rounds = 6
            try Daemon.with(dataRoot: disk) { daemon in
                let file = try daemon.grownArchive(in: scratch.path)
                let name = try daemon.ok(.gantry, "create", "busybox", "true")
                let gantry = Client.gantry.program
                let work = """
                    for i in $(seq 1000); do
                    \(gantry) load -q -i \(file); \(gantry) commit -m $i \(name) made:$i; \(gantry) tag grown:2 again:$i
                    \(gantry) rmi grown:2 again:$i; [ $i -le 3 ] || \(gantry) rmi made:$((i - 3))
                    done
                    """
                let child = try Child(["sh", "-c", work], environment: daemon.environment)
                for round in 0..<rounds {
                    usleep(UInt32.random(in: 100_000..<2_000_000, using: &random))
                    child.pump(0)
                    try succeed(["cp", "--reflink=always", disk + ".img", "\(outer)/copy\(round).img"])
                }
                child.signal(SIGKILL)
                _ = try child.wait()
                try daemon.ok(.gantry, "rm", name)
            }
            var found = 0
            for round in 0..<rounds {
                let place = "\(outer)/copy\(round)"
                try mount(place + ".img", at: place)
                defer { _ = try? command(["umount", "-l", place]) }
                // The machine would have started anew.
                try succeed([
                    "sh", "-c", "for info in \(place)/layers/*/info; do sed -i '2s/.*/another/' $info; done",
                ])
                try Daemon.with(dataRoot: place) { daemon in
                    let images = try Set(daemon.run(.gantry, "images", "-q", "--no-trunc").lines)
                    found += images.count
                    for image in images {
                        let ran = try daemon.run(.gantry, "run", "--rm", "--network", "none", image, "true")
                        #expect(ran.status == 0, "seed \(seed), round \(round): \(ran)")
                    }
                    let damaged = try succeed([
                        "sh", "-c",
                        "cd \(place)/images/blobs/sha256 && "
                            + "for blob in *; do echo \"$blob  $blob\"; done | sha256sum -c --quiet 2>&1; true",
                    ])
                    #expect(damaged.isEmpty, "seed \(seed), round \(round): \(damaged)")
                }
            }
            // Not only the one that every daemon of the tests imports.
            #expect(found > rounds, "seed \(seed)")
        }
    }
}
