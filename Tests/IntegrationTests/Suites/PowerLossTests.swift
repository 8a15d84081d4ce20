import Foundation
import Glibc
import Testing

extension Integration {
    /// A machine that loses its power: what its disk held at that moment is all that a new daemon finds.
    ///
    /// The disk is a file on a btrfs. A clone of that file is of one moment, and what the disk's own file system had not
    /// written until then is not in it.
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

        /// When the power goes in a pull.
        enum Moment: String, CaseIterable {
            case during, after
        }

        private let content = ["sh", "-c", "cat /d1/* /d2/* | sha256sum; ls /d1 /d2 | wc -l"]

        @Test func aPullSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let scratch = try Scratch("power")
            let (machine, image, disk, rest) = (
                scratch.path + "/machine", scratch.path + "/machine/disk", scratch.path + "/disk",
                scratch.path + "/rest"
            )
            try succeed([
                "sh", "-c", "cd \(scratch.path) && mkdir machine disk rest && truncate -s 2G img && mkfs.btrfs -q img",
            ])
            try succeed(["mount", "-o", "loop", scratch.path + "/img", machine])
            defer { _ = try? command(["umount", "-l", machine]) }
            try succeed(["sh", "-c", "truncate -s 300M \(image) && mkfs.ext4 -q -m 0 \(image)"])
            try succeed(["mount", "-o", "loop", image, disk])
            defer { _ = try? command(["umount", "-l", disk]) }

            let name = try Registry.get().name("power/grown:1")
            var wanted = ""
            try Daemon.with { other in
                try other.ok(.gantry, "load", "-q", "-i", try other.grownArchive(in: scratch.path))
                wanted = try other.ok(.gantry, ["run", "--rm", "--network", "none", "grown:2"] + content)
                try other.ok(.gantry, "tag", "grown:2", name)
                try other.ok(.gantry, "push", "-q", name)
            }
            try Daemon.with(dataRoot: disk) { daemon in
                let pull = ["pull", "-q", name]
                let start = Date()
                try daemon.ok(.gantry, pull)
                let time = UInt32(Date().timeIntervalSince(start) * 1_000_000)
                for moment in Moment.allCases {
                    for written in Written.allCases {
                        for round in 0..<(moment == .during ? 2 : 1) {
                            try daemon.ok(.gantry, "rmi", name)
                            let child = try daemon.start(.gantry, pull)
                            if moment == .after { _ = try child.wait() }
                            if moment == .during { usleep(UInt32.random(in: 0..<time, using: &random)) }
                            switch written {
                            case .something: break
                            case .names:
                                try succeed(["dd", "if=/dev/zero", "of=\(disk)/file", "count=1", "conv=fsync"])
                            case .everything: try succeed(["sync", "-f", disk])
                            }
                            try succeed(["cp", "--reflink=always", image, image + ".cut"])
                            if moment == .during { _ = try child.wait() }
                            try succeed(["mount", "-o", "loop", image + ".cut", rest])
                            defer { _ = try? command(["umount", "-l", rest]) }
                            // Layers note in which boot of the machine they were made.
                            try succeed([
                                "sh", "-c",
                                "sed -i \"s/$(cat /proc/sys/kernel/random/boot_id)/an earlier one/\" \(rest)/layers/*/info",
                            ])
                            try check(rest, name, wanted, "seed \(seed), \(written) \(moment) \(round)")
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
                try? eventually("nothing is left", seconds: 5) { try store(disk) == ["layers/base"] }
                let left = try store(disk)
                #expect(left == ["layers/base"], "\(place): \(left)")
            }
        }

        private func store(_ disk: String) throws -> [String] {
            try command([
                "sh", "-c",
                "cd \(disk) && find images/blobs images/ingest images/partial -type f; "
                    + "find layers containers -mindepth 1 -maxdepth 1",
            ]).lines
        }
    }
}
