import Foundation
import Testing

/// Debian's kernel in an emulated machine, for what this machine's kernel has set up another way.
struct VirtualMachine {
    /// `scripts/need test` takes it out of Debian's package; `GANTRY_TEST_KERNEL` names another one.
    static let kernel =
        ProcessInfo.processInfo.environment["GANTRY_TEST_KERNEL"] ?? Programs.root + "/.tools/vmlinuz"

    /// Boots with `tree` as the initial file system, whose `init` is the first process, and `options` for the kernel. Returns
    /// what the machine wrote to /dev/ttyS1, and what the kernel's console said.
    static func boot(_ tree: String, options: String = "", disk: Int = 64 << 20) throws -> (
        output: String, console: String
    ) {
        try #require(Programs.exists(kernel), "no kernel \(kernel); scripts/need test fetches one")
        let scratch = try Scratch("vm")
        let archive = scratch.path + "/initrd"
        try succeed([
            "sh", "-c", "cd \"$1\" && find . | /bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 >\"$2\"", "sh", tree,
            archive,
        ])
        let image = scratch.path + "/disk"
        try succeed(["truncate", "-s", String(disk), image])
        // Emulated: a stock kernel hangs under the acceleration of some test machines.
        let machine = try Child([
            "qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "768", "-nodefaults",
            "-no-reboot", "-nographic", "-serial", "stdio", "-serial", "file:" + scratch.path + "/output", "-kernel",
            kernel, "-initrd", archive, "-append",
            "console=ttyS0 quiet panic=-1 " + options, "-drive", "file=\(image),if=none,format=raw,id=disk",
            "-device", "nvme,drive=disk,serial=1",
        ])
        let console = try machine.wait(seconds: 180)
        let output = try Programs.text(scratch.path + "/output")
        return (output.replacingOccurrences(of: "\r", with: ""), "\(console)")
    }
}
