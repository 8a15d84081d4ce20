import Foundation
import Glibc
import Testing

extension Integration {
    /// The power goes: the disk has what had reached it by then, and nothing that was only in memory.
    ///
    /// The disk is a file on btrfs, of which `cp --reflink` makes a copy as of one moment while it is being written to.
    @Suite struct PowerLoss {
        /// What the disk's file system is made to write just before.
        enum Written: String, CaseIterable {
            /// What it happens to have written.
            case something
            /// Its journal, as when anybody calls fsync(2): names of files whose bytes are not there yet.
            case names
            /// Everything.
            case everything
        }

        enum Moment: String, CaseIterable {
            case during, after
        }

        /// A disk that is in use, and what is made of it later.
        private struct Disk {
            let image: String
            let path: String
            let scratch: String

            func cut(_ name: String) throws { try succeed(["cp", "--reflink=always", image, "\(image).\(name)"]) }

            /// With the disk as it was then, in a machine that has started anew.
            func afterwards(_ name: String, _ body: (String) throws -> Void) throws {
                let place = scratch + "/afterwards"
                try PowerLoss.mount("\(image).\(name)", at: place)
                defer { _ = try? command(["umount", "-l", place]) }
                // Layers note in which run of the machine they were made.
                try succeed(["sh", "-c", "for info in \(place)/layers/*/info; do sed -i '2s/.*/another/' $info; done"])
                try body(place)
            }
        }

        private static func mount(_ image: String, at place: String) throws {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            try succeed(["mount", "-o", "loop", image, place])
        }

        private func withDisk(_ body: (Disk) throws -> Void) throws {
            let scratch = try Scratch("power")
            let outer = scratch.path + "/outer"
            try succeed(["sh", "-c", "truncate -s 8G \(outer).img && mkfs.btrfs -q \(outer).img"])
            try Self.mount(outer + ".img", at: outer)
            defer { _ = try? command(["umount", "-l", outer]) }
            let image = outer + "/disk.img"
            try succeed(["sh", "-c", "truncate -s 600M \(image) && mkfs.ext4 -q -m 0 \(image)"])
            let path = scratch.path + "/disk"
            try Self.mount(image, at: path)
            defer { _ = try? command(["umount", "-l", path]) }
            try body(Disk(image: image, path: path, scratch: scratch.path))
        }

        private let content = ["sh", "-c", "cat /d1/* /d2/* | sha256sum; ls /d1 /d2 | wc -l"]

        @Test func aPullSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            try withDisk { disk in
                let name = try Registry.get().name("power/grown:1")
                var wanted = ""
                try Daemon.with { other in
                    try other.ok(.gantry, "load", "-q", "-i", try other.grownArchive(in: disk.scratch))
                    wanted = try other.ok(.gantry, ["run", "--rm", "--network", "none", "grown:2"] + content)
                    try other.ok(.gantry, "tag", "grown:2", name)
                    try other.ok(.gantry, "push", "-q", name)
                }
                try Daemon.with(dataRoot: disk.path) { daemon in
                    let pull = ["pull", "-q", name]
                    let start = Date()
                    try daemon.ok(.gantry, pull)
                    let time = UInt32(Date().timeIntervalSince(start) * 1_000_000)
                    for moment in Moment.allCases {
                        for written in Written.allCases {
                            for round in 0..<(moment == .during ? 2 : 1) {
                                try daemon.ok(.gantry, "rmi", name)
                                let child = try daemon.start(.gantry, pull)
                                switch moment {
                                case .during: usleep(UInt32.random(in: 0..<time, using: &random))
                                case .after: _ = try child.wait()
                                }
                                switch written {
                                case .something: break
                                case .names:
                                    try succeed(["dd", "if=/dev/zero", "of=\(disk.path)/file", "count=1", "conv=fsync"])
                                case .everything: try succeed(["sync", "-f", disk.path])
                                }
                                try disk.cut("copy")
                                if moment == .during { _ = try child.wait() }
                                try disk.afterwards("copy") { place in
                                    try check(place, name, wanted, "seed \(seed), \(written) \(moment) \(round)")
                                }
                            }
                        }
                    }
                }
            }
        }

        /// A daemon begins with what is left: each image that it lists is whole, and the rest can be made and removed.
        private func check(_ disk: String, _ image: String, _ wanted: String, _ place: String) throws {
            try Daemon.with(dataRoot: disk) { daemon in
                if try daemon.ok(.gantry, "images", "-q", image) == "" { try daemon.ok(.gantry, "pull", "-q", image) }
                let run = ["run", "--rm", "--network", "none", image] + content
                #expect(try daemon.ok(.gantry, run) == wanted, "\(place)")
                // The harness has made a second busybox.
                try daemon.ok(.gantry, ["rmi", "-f"] + Set(try daemon.run(.gantry, "images", "-aq").lines))
                var left: [String] = []
                try? eventually("nothing is left", seconds: 5) {
                    left = try command([
                        "sh", "-c",
                        "cd \(disk) && find images/blobs images/ingest images/partial -type f; "
                            + "find layers containers -mindepth 1 -maxdepth 1",
                    ]).lines
                    return left == ["layers/base"]
                }
                #expect(left == ["layers/base"], "\(place): \(left)")
            }
        }

        @Test func imagesThatComeAndGoAreWhole() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let rounds = 6
            try withDisk { disk in
                try Daemon.with(dataRoot: disk.path) { daemon in
                    let file = try daemon.grownArchive(in: disk.scratch)
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
                        try disk.cut("\(round)")
                    }
                    child.signal(SIGKILL)
                    _ = try child.wait()
                    try daemon.ok(.gantry, "rm", name)
                }
                var found = 0
                for round in 0..<rounds {
                    try disk.afterwards("\(round)") { place in
                        found += try checkAll(place, "seed \(seed), round \(round)")
                    }
                }
                // Not only the one that every daemon of the tests imports.
                #expect(found > rounds, "seed \(seed)")
            }
        }

        /// Every image that is listed runs, and every blob is what it is called. Returns how many images there are.
        private func checkAll(_ disk: String, _ place: String) throws -> Int {
            var count = 0
            try Daemon.with(dataRoot: disk) { daemon in
                let images = try Set(daemon.run(.gantry, "images", "-q", "--no-trunc").lines)
                count = images.count
                for image in images {
                    let ran = try daemon.run(.gantry, "run", "--rm", "--network", "none", image, "true")
                    #expect(ran.status == 0, "\(place): \(ran)")
                }
                let damaged = try succeed([
                    "sh", "-c",
                    "cd \(disk)/images/blobs/sha256 && "
                        + "for blob in *; do echo \"$blob  $blob\"; done | sha256sum -c --quiet 2>&1; true",
                ])
                #expect(damaged.isEmpty, "\(place): \(damaged)")
            }
            return count
        }
    }
}
