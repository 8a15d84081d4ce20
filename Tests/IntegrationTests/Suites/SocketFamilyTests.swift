import Foundation
import Testing

extension Integration {
    /// Which sockets the default filter of system calls lets a program have.
    @Suite(.daemon) struct SocketFamilies {
        /// The program that asks, in a directory to be mounted.
        private static func prober(in directory: String) throws {
            try succeed([
                "clang", "-O1", "-fno-builtin", "-ffreestanding", "-nostdlib", "-static", "-fno-pie",
                "-fno-stack-protector",
                "-fuse-ld=lld", "-o", directory + "/sockets", Programs.fixtures + "/sockets.c",
            ])
        }

        /// CVE-2026-31431: AF_ALG and AF_VSOCK, by every way in which a kernel for x86-64 takes the wish. The number is EPERM.
        @Test(arguments: ["run", "exec"]) func leavesOutKernelCryptographyAndMachines(by way: String) throws {
            let scratch = try Scratch("sockets")
            try Self.prober(in: scratch.path)
            let words = ["/probe/sockets", "2", "38", "40"]
            let lines: [String]
            if way == "run" {
                lines = try daemon.run(
                    .first, ["run", "--rm", "-v", scratch.path + ":/probe", "busybox"] + words
                ).lines
            } else {
                let id = try daemon.ok(
                    .first, "run", "-d", "-v", scratch.path + ":/probe", "busybox", "sleep", "1000")
                lines = try daemon.run(.first, ["exec", id] + words).lines
                try daemon.ok(.first, "rm", "-f", id)
            }
            func answers(_ way: String, _ family: Int) -> [Substring] {
                lines.filter { $0.hasPrefix("\(way) \(family) ") }.compactMap { $0.split(separator: " ").last }
            }
            var ways = ["socket"]
            #if arch(x86_64)
                ways += ["socket32", "socketcall"]
                // Kernels without x32 answer ENOSYS to everybody.
                for family in [38, 40] {
                    #expect(["001", "038"].contains(answers("x32-socket", family).first), "\(lines)")
                }
            #endif
            for way in ways {
                for family in [38, 40] { #expect(answers(way, family) == ["001"], "\(lines)") }
                // Which family it is stands behind a pointer: none at all.
                #expect(answers(way, 2) == [way == "socketcall" ? "001" : "open"], "\(lines)")
            }
        }
    }
}
