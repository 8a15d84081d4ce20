import Foundation
import Testing

extension Integration {
    /// Issue heading 6: what a process finds inside. The prober is a shell in the container.
    @Suite(.daemon) struct Isolation {
        private func inside(_ script: String, _ flags: [String] = []) throws -> [String] {
            try daemon.run(.docker, ["run", "--rm"] + flags + ["busybox", "sh", "-c", "exec 2>&1; " + script]).lines
        }

        @Test func hasNamespacesOfItsOwn() throws {
            // On cgroup v1 Docker shares the host's cgroup namespace unless it is asked not to.
            for kind in ["mnt", "uts", "ipc", "net", "pid", "cgroup"] {
                let host = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)")
                let container = try inside("readlink /proc/self/ns/\(kind)", ["--cgroupns=private"]).first
                #expect(container?.hasPrefix(kind + ":[") == true && container != host, "\(kind)")
            }
            #expect(try inside("echo $$; ls -d /proc/[0-9]* | wc -l").first == "1")
        }

        /// The same for the first process and for one that `exec` brings in.
        @Test(arguments: ["run", "exec"])
        func isConfined(by way: String) throws {
            let script = "cat /proc/self/status"
            var status: [String]
            if way == "run" {
                status = try inside(script)
            } else {
                let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
                status = try daemon.run(.docker, "exec", id, "sh", "-c", script).lines
                try daemon.ok(.docker, "rm", "-f", id)
            }
            func field(_ name: String) -> String? {
                status.first { $0.hasPrefix(name + ":") }?.split(separator: "\t").last.map(String.init)
            }
            #expect(field("CapInh") == "0000000000000000")
            for set in ["CapPrm", "CapEff", "CapBnd"] { #expect(field(set) == "00000000a80425fb", "\(set)") }
            #expect(field("CapAmb") == "0000000000000000")
            #expect(field("Seccomp") == "2")
            #expect(field("NoNewPrivs") == "0")
            #expect(field("SigBlk") == "0000000000000000")
        }

        @Test func refusesWhatTheProfileRefuses() throws {
            #expect(try inside("unshare -U true || echo refused").last == "refused")
            #expect(try inside("unshare -m true || echo refused").last == "refused")
            #expect(try inside("mount -t tmpfs none /mnt || echo refused").last == "refused")
            #expect(try inside("mknod /sda b 8 0 && head -c 1 /sda || echo refused").last == "refused")
            #expect(try inside("date -s 2001-01-01").first?.hasSuffix("Operation not permitted") == true)
            #expect(try inside("hostname changed || echo refused").last == "refused")
            #expect(try inside("chroot / true && echo allowed").last == "allowed")
        }

        @Test func masksAndProtectsProc() throws {
            let exists: (String) -> Bool = { Programs.exists($0) }
            for path in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats"]
            where exists(path) {
                #expect(try inside("stat -c %t:%T \(path)").first == "1:3", "\(path)")
            }
            for path in ["/proc/acpi", "/proc/scsi", "/sys/firmware"] where exists(path) {
                #expect(try inside("ls -A \(path) | wc -l").first == "0", "\(path)")
            }
            for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] where exists(path) {
                let options = try inside("grep ' \(path) ' /proc/mounts | cut -d' ' -f4")
                #expect(options.first?.hasPrefix("ro,") == true, "\(path): \(options)")
            }
            #expect(try inside("echo x >/proc/sys/kernel/core_pattern || echo refused").last == "refused")
            #expect(try inside("echo h >/proc/sysrq-trigger || echo refused").last == "refused")
            #expect(try inside("echo 1 >/sys/kernel/mm/ksm/run || echo refused").last == "refused")
            #expect(try inside("mkdir /sys/fs/cgroup/memory/x || echo refused").last == "refused")
        }

        @Test func hasTheStandardDevicesOnly() throws {
            let names = try inside("ls /dev")
            #expect(
                names.filter { $0 != "core" } == [
                    "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout",
                    "tty", "urandom", "zero",
                ])
            #expect(
                try inside("cd /dev; stat -c '%n %t:%T %a' full null random tty urandom zero") == [
                    "full 1:7 666", "null 1:3 666", "random 1:8 666", "tty 5:0 666", "urandom 1:9 666", "zero 1:5 666",
                ])
            #expect(try inside("readlink /dev/fd; readlink /dev/ptmx") == ["/proc/self/fd", "pts/ptmx"])
            #expect(try inside("df /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2") == ["65536"])
        }

        @Test func holdsNoDescriptorOfTheHost() throws {
            #expect(try inside("exec sleep 1 & sleep 0.3; ls /proc/$!/fd") == ["0", "1", "2"])
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
            #expect(try daemon.run(.docker, "exec", id, "ls", "/proc/1/fd").lines == ["0", "1", "2"])
            let pid = try daemon.ok(.docker, "inspect", "-f", "{{.State.Pid}}", id)
            #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").sorted() == ["0", "1", "2"])
            try daemon.ok(.docker, "rm", "-f", id)
        }

        /// CVE-2024-21626: a working directory through a leaked descriptor would be a way to the host.
        @Test(arguments: ["run", "exec"])
        func noWorkingDirectoryLeadsOut(by way: String) throws {
            let scratch = try Scratch("canary")
            _ = try scratch.write("sang at night", to: "canary")
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
            for number in 3..<13 {
                let words = way == "run" ? ["run", "--rm"] : ["exec"]
                let target = way == "run" ? "busybox" : id
                let up = String(repeating: "../", count: 8)
                let result = try daemon.run(
                    .docker,
                    words + ["-w", "/proc/self/fd/\(number)", target, "cat", up + scratch.path.dropFirst() + "/canary"])
                #expect(result.status != 0 && !result.out.contains("sang"), "\(number): \(result)")
            }
            try daemon.ok(.docker, "rm", "-f", id)
        }

        @Test func seesNothingOfTheHostsTree() throws {
            let mounts = try inside("cat /proc/mounts")
            #expect(!mounts.contains { $0.contains("/dev/vda / ") }, "\(mounts)")
            #expect(try inside("ls -A /mnt /root /home 2>/dev/null | grep -c alice") == ["1"])
            #expect(try inside("cat /etc/hosts | head -n 1").first?.hasPrefix("127.0.0.1") == true)
            #expect(try inside("test -s /etc/resolv.conf && echo there") == ["there"])
        }

        @Test func environmentIsNotTheDaemons() throws {
            let names = try inside("env | cut -d= -f1 | sort")
            #expect(Set(names) == ["HOME", "HOSTNAME", "PATH", "PWD", "SHLVL"], "\(names)")
        }

        @Test func stateDirectoriesAreClosed() throws {
            let modes = try succeed(["stat", "-c", "%a", "\(daemon.root)/data", "\(daemon.root)/exec"]).split(
                separator: "\n")
            for mode in modes { #expect(["700", "710", "711"].contains(String(mode)), "\(mode)") }
        }
    }
}
