import Foundation
import Glibc
import Testing

extension Bundle {
    /// A directory of the host that nothing of a container may change, and what is in it.
    func canary() throws -> String {
        let path = volume("canary")
        try "untouched".write(toFile: path + "/file", atomically: false, encoding: .utf8)
        return path
    }

    /// Everything beneath a directory: name, kind, size, time of the last change.
    static func look(_ path: String) throws -> String {
        try succeed([
            "sh", "-c",
            "find \(path) -printf '%P %y %s %C@ %l\\n' | sort; grep -c ' \(path)' /proc/self/mountinfo; true",
        ])
    }

    /// Replaces a directory of the image by a symbolic link.
    func replace(_ name: String, by target: String) throws {
        try succeed(["rm", "-rf", root + "/" + name])
        symlink(target, root + "/" + name)
    }
}

extension Integration {
    /// Known escapes of runtimes through the root, mounts, devices and terminals, each tried for real.
    @Suite(.serialized, .enabled(if: Bundle.isGantry, "a runtime that falls for one, as runc 1.1.5, harms the machine"))
    struct RuntimeEscapeTests {
        /// The memory of a joining process is the runtime's: held in the middle by the freezer, and looked
        /// at by a container that sees its processes.
        @Test func theRuntimesMemoryIsOutOfReach() throws {
            let bundle = try Bundle("exec sleep 600")
            try bundle.start()
            #expect(try bundle.runtime(["pause", bundle.id]).status == 0)
            let joining = try Child([
                Bundle.runtime, "--root", bundle.state, "exec", "--ignore-paused", bundle.id, "true",
            ])
            let pid = try #require(try bundle.member("pid") as? Int)
            let other = try Bundle(
                """
                for p in /proc/[0-9]*; do
                  [ ${p#/proc/} = $$ ] || (exec 3<>$p/mem && echo "${p#/proc/} $(tr '\\0' ' ' <$p/cmdline)"); done
                """)
            other.namespaces {
                $0.filter { $0["type"] as? String != "pid" } + [["type": "pid", "path": "/proc/\(pid)/ns/pid"]]
            }
            try eventually("the joining process is held") {
                try bundle.runtime(["ps", "-f", "json", bundle.id]).trimmed.contains(",")
            }
            let result = try other.run()
            // The first process is the container's own; the one that is held is in no process namespace but the caller's.
            #expect(result.lines == ["1 sleep 600 "] && result.err.isEmpty, "\(result)")
            #expect(try bundle.runtime(["resume", bundle.id]).status == 0)
            #expect(try joining.wait().status == 0)
        }

        /// CVE-2019-16884, CVE-2025-52881: a /proc that is not the kernel's, or something in the middle of it.
        @Test(arguments: [
            "/proc", "/proc/self/attr", "/proc/../proc/self/attr", "proc/sys", "/proc/sys/kernel", "/link",
            "/link/kernel",
        ])
        func procIsTheKernels(_ destination: String) throws {
            for type in ["tmpfs", "bind"] {
                let bundle = try Bundle()
                symlink("/proc/sys", bundle.root + "/link")
                bundle.add(
                    mount: destination, type: type, source: bundle.volume(), type == "bind" ? ["rbind"] : [])
                // runc 1.1.5 lets links lead into /proc.
                if Bundle.isGantry || !destination.hasPrefix("/link") {
                    #expect(try bundle.run().status == 1, "\(type)")
                }
            }
        }

        /// CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc or /sys of the image as links.
        @Test(arguments: [("proc", "/etc"), ("proc", "."), ("sys", ".."), ("sys", "/home")])
        func kernelFileSystemsAreNotBehindLinks(_ name: String, _ target: String) throws {
            let bundle = try Bundle()
            try bundle.replace(name, by: target)
            let result = try bundle.run()
            #expect(result.status == 1)
            if Bundle.isGantry { #expect(result.err.contains("symbolic link")) }
        }

        /// CVE-2019-18837, CVE-2026-41579, CVE-2026-47766: mount points and devices behind links of the image.
        @Test(arguments: [true, false], ["mounts", "devices"])
        func nothingIsMadeOutside(devIsLink: Bool, what: String) throws {
            let bundle = try Bundle()
            let canary = try bundle.canary()
            symlink(canary, bundle.root + "/absolute")
            symlink(String(repeating: "../", count: 12) + canary, bundle.root + "/relative")
            symlink(canary + "/new", bundle.root + "/dangling")
            if devIsLink {
                try bundle.replace("dev", by: canary)
                for path in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            }
            for link in ["absolute", "relative", "dangling"] where what == "mounts" {
                bundle.add(mount: "/\(link)/mount", type: "tmpfs", source: "x")
                bundle.add(mount: "/\(link)/bind", type: "bind", source: "/etc/hostname", ["bind"])
                bundle.add(mount: "/\(link)", type: "tmpfs", source: "x")
            }
            if what == "devices" {
                bundle.edit("linux") {
                    $0["devices"] = ["/absolute/null", "/relative/null", "/dangling", "/dev/made"].map {
                        ["path": $0, "type": "c", "major": 1, "minor": 3] as Bundle.Document
                    }
                }
            }
            let before = try Bundle.look(canary)
            _ = try bundle.run()
            #expect(try Bundle.look(canary) == before)
        }

        /// The same where the image has a directory of the name to which the link leads on the host: what is missing is made in the
        /// directory that was found, and not looked up by its name once more.
        @Test func missingDirectoriesAreMadeWhereTheLinkLeadsInside() throws {
            let bundle = try Bundle("true")
            let canary = try bundle.canary()
            try succeed(["mkdir", "-p", bundle.root + canary])
            symlink(canary, bundle.root + "/absolute")
            bundle.add(mount: "/absolute/new/deep", type: "tmpfs", source: "x")
            let before = try Bundle.look(canary)
            let result = try bundle.run()
            #expect(try Bundle.look(canary) == before)
            #expect(result.status == 0 && Programs.exists(bundle.root + canary + "/new/deep"), "\(result)")
        }

        /// CVE-2021-30465, CVE-2024-45310: a destination whose parents another container exchanges meanwhile.
        @Test func exchangedDestinations() throws {
            let bundle = try Bundle("cat /proc/self/mountinfo")
            let canary = try bundle.canary()
            // What is mounted there is not in the container's table, but in that of a hook, which still has the host's root.
            try succeed(["mkdir", "-p", canary + "/deep/er"])
            let outside = bundle.directory + "/outside"
            let hook = "grep ' \(canary)' /proc/self/mountinfo >>\(outside); true"
            bundle.config["hooks"] = ["createContainer": [["path": "/bin/sh", "args": ["sh", "-c", hook]]]]
            let volume = bundle.volume()
            mkdir(volume + "/swap", 0o755)
            // As far up as it goes: the host's directory for whoever does not stay in the container's root.
            symlink(String(repeating: "../", count: 12) + canary, volume + "/link")
            let racer = try Child([
                "python3", "-c",
                """
                import ctypes, os, sys
                libc = ctypes.CDLL(None, use_errno=True)
                os.chdir(sys.argv[1])
                real = os.open("swap", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                def gone(remove, name):
                    try: remove(name, dir_fd=real)
                    except OSError: pass
                count = 0
                while not os.path.exists("stop"):
                    for _ in range(200):
                        if libc.renameat2(-100, b"swap", -100, b"link", 2) == 0: count += 1
                    for name in ("made", "null"): gone(os.unlink, name)
                    for name in ("deep/er", "deep"): gone(os.rmdir, name)
                print(count)
                """, volume,
            ])
            bundle.add(mount: "/volume", type: "bind", source: volume, ["rbind"])
            bundle.add(mount: "/volume/swap/deep/er", type: "tmpfs", source: "raced")
            bundle.add(mount: "/volume/swap/made", type: "bind", source: "/etc/hostname", ["bind"])
            bundle.edit("linux") {
                $0["devices"] =
                    [["path": "/volume/swap/null", "type": "c", "major": 1, "minor": 3]] as [Bundle.Document]
            }
            let before = try Bundle.look(canary)
            for round in 0..<200 {
                let result = try bundle.run()
                let lines = MountLine.all(result.out)
                for line in lines where line.source == "raced" || line.point.hasSuffix("/made") {
                    #expect(line.point.hasPrefix("/") && !line.root.contains("canary"), "round \(round): \(line)")
                }
                if round % 20 == 19 { #expect(try Bundle.look(canary) == before, "round \(round)") }
            }
            try "".write(toFile: volume + "/stop", atomically: false, encoding: .utf8)
            let swaps = Int(try racer.wait().trimmed) ?? 0
            #expect(swaps > 1000)
            #expect(try Bundle.look(canary) == before)
            #expect(try Programs.text(outside) == "")
        }

        /// CVE-2025-31133: what covers a masked file is a null device, whatever the container has at /dev/null. Whose it is, is the
        /// business of ``RuntimeNullDeviceTests``.
        @Test(arguments: ["tmpfs", "image", "volume"]) func masksAreTheNullDevice(dev: String) throws {
            let bundle = try Bundle("stat -c '%F %t:%T' /proc/keys /proc/timer_list; echo '|/evil' >/proc/keys")
            let pattern = try Programs.text("/proc/sys/kernel/core_pattern")
            if dev != "tmpfs" {
                for path in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            }
            symlink("/proc/sys/kernel/core_pattern", bundle.root + "/dev/null")
            if dev == "volume" {
                let volume = bundle.volume("dev")
                symlink("/proc/sys/kernel/core_pattern", volume + "/null")
                bundle.add(mount: "/dev", type: "bind", source: volume, ["rbind"])
            }
            let result = try bundle.run()
            if dev != "image" {
                #expect(
                    result.lines == ["character special file 1:3", "character special file 1:3"], "\(result)")
            } else if Bundle.isGantry {
                #expect(result.status == 1 && result.err.contains("/dev/null"))
            }
            #expect(try Programs.text("/proc/sys/kernel/core_pattern") == pattern)
        }

        /// CVE-2025-52565: a console that leads elsewhere would uncover a file of the kernel.
        @Test(arguments: [true, false]) func theConsoleStaysInDev(onTemporary: Bool) throws {
            let bundle = try Bundle("stat -c %F /dev/console; grep -c canary /proc/self/mountinfo")
            let canary = try bundle.canary()
            symlink(String(repeating: "../", count: 12) + canary + "/file", bundle.root + "/dev/console")
            symlink("/proc/sysrq-trigger", bundle.root + "/dev/pts")
            if !onTemporary {
                for path in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            }
            bundle.edit("process") { $0["terminal"] = true }
            try bundle.write()
            let before = try Bundle.look(canary)
            let child = try Child(
                [Bundle.runtime, "--root", bundle.state, "run", "--bundle", bundle.directory, bundle.id],
                wiring: .terminal(rows: 24, columns: 80))
            let result = try child.wait()
            if onTemporary {
                #expect(result.out.contains("character special file") && result.out.contains("0"))
            } else if Bundle.isGantry {
                #expect(result.status == 1)
            }
            #expect(try Bundle.look(canary) == before)
        }

        /// CVE-2025-52565: the same while another container, which shares the directory, exchanges console and terminals.
        @Test(arguments: [true, false]) func theConsoleIsNotExchanged(ptsIsMounted: Bool) throws {
            // The fourth field is where a mount comes from.
            let bundle = try Bundle(
                "awk '$4 ~ /canary/' /proc/self/mountinfo | wc -l; exec 2>&1; echo '|/x' >/proc/sys/kernel/core_pattern"
            )
            let canary = try bundle.canary()
            let pattern = try Programs.text("/proc/sys/kernel/core_pattern")
            let volume = bundle.volume("dev")
            for name in ["pts", "shm", "mqueue"] { mkdir(volume + "/" + name, 0o755) }
            for (name, minor) in [("null", "3"), ("zero", "5"), ("full", "7"), ("random", "8"), ("urandom", "9")] {
                try succeed(["mknod", "-m", "666", volume + "/" + name, "c", "1", minor])
            }
            try succeed(["mknod", "-m", "666", volume + "/tty", "c", "5", "0"])
            try "".write(toFile: volume + "/console", atomically: false, encoding: .utf8)
            let up = String(repeating: "../", count: 12)
            symlink(up + canary + "/file", volume + "/console-link")
            symlink("../proc/sys/kernel/core_pattern", volume + "/trigger-link")
            symlink(up + canary, volume + "/pts-link")
            for path in ["/dev", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            if !ptsIsMounted { bundle.drop(mount: "/dev/pts") }
            var mounts = bundle.config["mounts"] as? [Bundle.Document] ?? []
            // Before devpts, so that what is exchanged is where it is mounted.
            mounts.insert(
                ["destination": "/dev", "type": "bind", "source": volume, "options": ["rbind", "rprivate"]], at: 0)
            bundle.config["mounts"] = mounts
            bundle.edit("process") { $0["terminal"] = true }
            try bundle.write()
            let before = try Bundle.look(canary)
            let racer = try Child([
                "python3", "-c",
                """
                import ctypes, os, sys
                libc = ctypes.CDLL(None)
                os.chdir(sys.argv[1])
                pairs = [(b"console", b"console-link"), (b"console", b"trigger-link"), (b"pts", b"pts-link")]
                count = 0
                while not os.path.exists("stop"):
                    for _ in range(100):
                        for one, other in pairs:
                            count += libc.renameat2(-100, one, -100, other, 2) == 0
                print(count)
                """, volume,
            ])
            for round in 0..<100 {
                let child = try Child(
                    [Bundle.runtime, "--root", bundle.state, "run", "--bundle", bundle.directory, bundle.id],
                    wiring: .terminal(rows: 24, columns: 80))
                let result = try child.wait()
                // Either it is refused, or everything is where it belongs.
                let isConfined = result.out.hasPrefix("0\r\n") && result.out.contains("Read-only file system")
                #expect(result.status == 1 && !result.out.hasPrefix("1") || isConfined, "round \(round): \(result)")
            }
            try "".write(toFile: volume + "/stop", atomically: false, encoding: .utf8)
            let swaps = Int(try racer.wait().trimmed) ?? 0
            #expect(swaps > 1000)
            #expect(try Bundle.look(canary) == before)
            #expect(try Programs.text("/proc/sys/kernel/core_pattern") == pattern)
        }

        /// CVE-2025-24965: files that a runtime writes into the image follow no link.
        @Test func nothingIsWrittenThroughTheImage() throws {
            let bundle = try Bundle("true")
            let canary = try bundle.canary()
            for name in [".krun_config.json", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab"] {
                symlink(canary + "/file", bundle.root + "/" + name)
                symlink(canary + "/new", bundle.root + "/" + name + ".new")
            }
            bundle.config["annotations"] = ["run.oci.handler": "krun"]
            let before = try Bundle.look(canary)
            #expect(try bundle.run().status == 0)
            #expect(try Bundle.look(canary) == before)
        }

        /// CVE-2022-0492: release agents, from a container and from a user namespace that it makes.
        @Test func releaseAgentsAreOutOfReach() throws {
            let agents = "cat /sys/fs/cgroup/*/release_agent 2>/dev/null"
            let bundle = try Bundle(
                """
                for h in /sys/fs/cgroup/*; do echo /evil >$h/release_agent && echo AGENT; echo 1 >$h/notify_on_release && echo NOTIFY; done
                mkdir -p /tmp/c; ls -d /sys/fs/cgroup/* | wc -l; mount -t cgroup -o memory x /tmp/c && echo MOUNTED
                mount -o remount,rw /sys/fs/cgroup && echo REMOUNTED
                unshare -Urm sh -c 'mount -t cgroup -o rdma x /tmp/c && echo /evil >/tmp/c/release_agent && echo WRITTEN'
                echo end
                """)
            let before = try command(["sh", "-c", agents]).out
            let result = try bundle.run()
            // As many hierarchies were tried.
            #expect(result.lines.count == 2 && Int(result.lines[0]) ?? 0 > 0 && result.lines[1] == "end", "\(result)")
            #expect(try command(["sh", "-c", agents]).out == before)
        }

        /// CVE-2025-52881: kernel parameters are written to the kernel, whatever is at their place in the container.
        @Test(arguments: ["file", "link", "directory"]) func parametersReachTheKernel(there: String) throws {
            let bundle = try Bundle(
                "cat /proc/sys/kernel/msgmax; mount -t proc none /mnt && cat /mnt/sys/kernel/msgmax")
            let canary = try bundle.canary()
            bundle.drop(mount: "/proc")
            let path = bundle.root + "/proc/sys/kernel"
            try succeed(["mkdir", "-p", there == "directory" ? bundle.root + "/proc/sys" : path, bundle.root + "/mnt"])
            switch there {
            case "file": try "own\n".write(toFile: path + "/msgmax", atomically: false, encoding: .utf8)
            case "link": symlink(canary + "/file", path + "/msgmax")
            default: symlink(canary, path)
            }
            symlink(canary + "/file", canary + "/msgmax")
            bundle.edit("linux") {
                $0["sysctl"] = ["kernel.msgmax": "9001"]
                $0["maskedPaths"] = nil
                $0["readonlyPaths"] = nil
            }
            bundle.edit("process") { process in
                let all = ["CAP_SYS_ADMIN"]
                process["capabilities"] = ["bounding": all, "effective": all, "permitted": all]
            }
            let before = try Bundle.look(canary)
            let result = try bundle.run()
            #expect(result.lines.last == "9001" && result.lines.filter { $0 == "9001" }.count == 1, "\(result)")
            #expect(try Bundle.look(canary) == before)
        }

        /// CVE-2024-21626: no descriptor of the host inside, and none as a working directory.
        @Test func descriptorsOfTheHost() throws {
            for number in [3, 4, 5, 6, 7, 8, 9, 10, 12, 16] {
                let bundle = try Bundle { config in
                    var process = config["process"] as? Bundle.Document ?? [:]
                    process["cwd"] = "/proc/self/fd/\(number)"
                    process["args"] = ["/bin/cat", "/proc/self/mountinfo"]
                    config["process"] = process
                }
                let result = try bundle.run()
                #expect(result.status != 0 && result.out == "", "cwd through descriptor \(number)")
            }
            let bundle = try Bundle("ls /proc/1/fd; sleep 100")
            try bundle.start()
            try eventually("the list") {
                (try? Programs.text(bundle.directory + "/detached.log"))?.contains("2") == true
            }
            #expect(try Programs.text(bundle.directory + "/detached.log") == "0\n1\n2\n")
            for number in 3...8 {
                #expect(try bundle.exec(["--cwd", "/proc/self/fd/\(number)"], "/bin/pwd").status != 0)
            }
            // A directory of the host that the caller hands on is none for the program to begin in.
            let handed = #"exec "$@" 3</etc"#
            let flags = ["--preserve-fds", "1", "--cwd", "/proc/self/fd/3", bundle.id, "/bin/ls"]
            let exec = try command(
                ["sh", "-c", handed, "sh", Bundle.runtime, "--root", bundle.state, "exec"] + flags)
            #expect(exec.status == 255 && exec.out.isEmpty && exec.err.contains("cwd"), "\(exec)")
            let first = try Bundle { config in
                var process = config["process"] as? Bundle.Document ?? [:]
                process["cwd"] = "/proc/self/fd/3"
                process["args"] = ["/bin/ls"]
                config["process"] = process
            }
            try first.write()
            let words = ["--root", first.state, "run", "--preserve-fds", "1", "--bundle", first.directory, first.id]
            let run = try command(["sh", "-c", handed, "sh", Bundle.runtime] + words)
            #expect(run.status == 1 && run.out.isEmpty && run.err.contains("not inside the container's root"), "\(run)")
        }
    }
}
