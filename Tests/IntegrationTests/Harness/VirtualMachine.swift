import Foundation
import Testing

/// Debian's kernel in an emulated machine, for what this machine's kernel has set up another way.
struct VirtualMachine {
    /// `scripts/need test` takes it out of Debian's package; `GANTRY_TEST_KERNEL` names another one.
    static let kernel =
        ProcessInfo.processInfo.environment["GANTRY_TEST_KERNEL"] ?? Programs.root + "/.tools/vmlinuz"
    /// Those of its modules that criu looks at, from the same package.
    static let modules = Programs.root + "/.tools/modules"

    /// criu and the programs that it calls.
    static let criu =
        ["criu", "iptables-restore", "ip6tables-restore", "iptables-save", "ip6tables-save"].map { "/usr/sbin/" + $0 }
        + ["/usr/bin/ip", "/usr/bin/tar"]
        + ["mark", "standard"].map { "/usr/lib/x86_64-linux-gnu/xtables/libxt_\($0).so" }

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
        func output() throws -> String {
            try Programs.text(scratch.path + "/output").replacingOccurrences(of: "\r", with: "")
        }
        do {
            let console = try machine.wait(seconds: 180)
            return (try output(), "\(console)")
        } catch {
            throw HarnessError("\(error)\n\(try output())")
        }
    }

    /// Fills `tree` with `programs` of this machine and what they load, with busybox for all others, with `script` of the
    /// fixtures as the program `tests`, and with an `init` that goes over to `first`.
    static func furnish(_ tree: String, programs: [String], script: String, first: String) throws {
        try succeed(["sh", "-c", furnishing, "sh", tree] + programs + ["/usr/bin/busybox"])
        try succeed(["cp", "-L", Programs.binaries + "/gantry-runtime", tree + "/usr/bin/gantry-runtime"])
        for (file, name) in [(script, "tests"), ("checks.sh", "checks")] {
            try succeed(["install", "-m", "0755", Programs.fixtures + "/" + file, tree + "/usr/bin/" + name])
        }
        // pivot_root(2) refuses the initial file system.
        let text = """
            #!/bin/busybox sh
            /bin/busybox mount -t tmpfs none /new
            /bin/busybox cp -a /bin /sbin /lib /lib64 /etc /usr /bundles /root /new/
            /bin/busybox mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/var
            exec /bin/busybox switch_root /new \(first)

            """
        try text.write(toFile: tree + "/init", atomically: false, encoding: .utf8)
        chmod(tree + "/init", 0o755)
    }

    /// The library of Python's own, without what is loaded as machine code, but for ctypes.
    static func addPython(_ tree: String) throws { try succeed(["sh", "-c", copyingLibrary, "sh", tree]) }

    private static let copyingLibrary = """
        set -e
        cd "$(/usr/bin/python3 -c 'import os; print(os.path.dirname(os.__file__))')"
        mkdir -p "$1$PWD"
        tar -c --exclude=test --exclude=__pycache__ --exclude='*-packages' --exclude=lib-dynload . | tar -x -C "$1$PWD"
        cp --parents -t "$1$PWD" lib-dynload/_ctypes.*
        ldd lib-dynload/_ctypes.* | grep -o '/[^ ]*' | xargs -r -I{} cp -Ln --parents {} "$1"
        """

    private static let furnishing = """
        set -e
        tree=$1
        shift
        mkdir -p $tree/usr/bin $tree/usr/sbin $tree/usr/lib $tree/usr/lib64 $tree/new $tree/bundles $tree/root $tree/etc
        for name in bin sbin lib lib64; do ln -s usr/$name $tree/$name; done
        for program; do
            [ -e $program ] || continue
            cp -L --parents $program $tree
            ldd $program 2>/dev/null | grep -o '/[^ ]*' | xargs -r -I{} cp -Ln --parents {} $tree
        done
        for name in $(busybox --list); do
            [ -e $tree/usr/bin/$name ] || [ -e $tree/usr/sbin/$name ] || ln -s busybox $tree/usr/bin/$name
        done
        """

    /// What `output` says of the checks of `script`: one that failed, or was never reached, is an issue.
    static func judge(_ output: String, _ console: String, by script: String) throws {
        func name(_ line: Substring) -> Substring? {
            let words = line.split(separator: " ")
            return words.count > 1 && (words[0] == "check" || words[0] == "contains") ? words[1] : nil
        }
        let checks = output.split(separator: "\n").filter { $0.hasPrefix("check ") }
        for line in checks where !line.hasSuffix(" ok") { Issue.record("\(line)") }
        #expect(output.hasSuffix("checks done\n"), "\(output)\n\(console)")
        let expected = try Programs.text(Programs.fixtures + "/" + script).split(separator: "\n").compactMap(name)
        #expect(Set(checks.compactMap(name)) == Set(expected), "\(output)")
    }
}
