import Foundation
import Glibc
import Testing

extension Integration {
    @Suite(.serialized)
    struct RuntimeDeviceTests {
        private static let list =
            "cd /dev; for n in null zero full random urandom tty; do stat -c '%n %F %t:%T %a %u:%g' $n; done; "
            + "for l in fd stdin stdout stderr ptmx; do echo $l $(readlink $l); done"
        private static let expected =
            [("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"), ("tty", "5:0")]
            .map {
                "\($0) character special file \($1) 666 0:0"
            } + [
                "fd /proc/self/fd", "stdin /proc/self/fd/0", "stdout /proc/self/fd/1", "stderr /proc/self/fd/2",
                "ptmx pts/ptmx",
            ]

        /// What every container has, whether its /dev is a tmpfs or the image's own directory.
        @Test(arguments: [true, false]) func standardNodesAndLinks(onTemporary: Bool) throws {
            let bundle = try Bundle(Self.list)
            if !onTemporary {
                for path in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
                // An image's own ptmx would open terminals of the host.
                try succeed(["mknod", bundle.root + "/dev/ptmx", "c", "5", "2"])
                try succeed(["mknod", "-m", "666", bundle.root + "/dev/null", "c", "1", "3"])
            }
            let result = try bundle.run()
            #expect(result.lines == Self.expected, "\(result)")
            #expect(Programs.exists(bundle.root + "/dev/zero") == !onTemporary)
        }

        /// The host's /dev has what the host has.
        @Test func nothingIsMadeInTheHosts() throws {
            let bundle = try Bundle("ls /dev; ls -l /elsewhere")
            for path in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            let dev = bundle.volume("dev")
            bundle.add(mount: "/dev", type: "bind", source: dev, ["bind"])
            try succeed(["mknod", "-m", "666", dev + "/null", "c", "1", "3"])
            bundle.edit("linux") {
                $0["devices"] = [["path": "/dev/made", "type": "c", "major": 1, "minor": 3]] as [Bundle.Document]
            }
            let result = try bundle.run()
            #expect(result.lines.first == "null" && !result.out.contains("made"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: dev) == ["null"])
        }

        @Test func devicesOfTheBundle() throws {
            let bundle = try Bundle(
                "stat -c '%n %F %t:%T %a %u:%g' /dev/one /dev/fuse /other/place/disk /dev/pipe /dev/zero; stat -c %a /other/place"
            )
            bundle.edit("linux") {
                $0["devices"] =
                    [
                        ["path": "/dev/one", "type": "c", "major": 1, "minor": 5],
                        [
                            "path": "/dev/fuse", "type": "u", "major": 10, "minor": 229, "fileMode": 0o600, "uid": 7,
                            "gid": 8,
                        ],
                        ["path": "/other/place/disk", "type": "b", "major": 259, "minor": 70000, "fileMode": 0o640],
                        ["path": "/dev/pipe", "type": "p", "fileMode": 0o622],
                        // Instead of the standard one.
                        ["path": "/dev/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o660, "gid": 5],
                    ] as [Bundle.Document]
            }
            let result = try bundle.run()
            #expect(
                result.lines == [
                    "/dev/one character special file 1:5 666 0:0", "/dev/fuse character special file a:e5 600 7:8",
                    "/other/place/disk block special file 103:11170 640 0:0", "/dev/pipe fifo 0:0 622 0:0",
                    "/dev/zero character special file 1:5 660 0:5", "755",
                ], "\(result)")
        }

        /// The specification asks for an error where runc 1.1.5 says nothing.
        @Test(.enabled(if: Bundle.isGantry)) func whatIsThereMustBeTheDevice() throws {
            let bundle = try Bundle("ls -l /there")
            func ask(_ minor: Int) {
                bundle.edit("linux") {
                    $0["devices"] = [["path": "/there", "type": "c", "major": 1, "minor": minor]] as [Bundle.Document]
                }
            }
            try succeed(["mknod", bundle.root + "/there", "c", "1", "3"])
            ask(3)
            #expect(try bundle.run().status == 0)
            ask(5)
            #expect(try bundle.run().err.contains("create device /there: the image has another file there"))
            unlink(bundle.root + "/there")
            try "".write(toFile: bundle.root + "/there", atomically: false, encoding: .utf8)
            ask(3)
            #expect(try bundle.run().status == 1)
        }

        @Test func theConsoleIsTheTerminal() throws {
            let bundle = try Bundle(
                "stat -c '%F %a' /dev/console; tty; test -w /dev/console && echo hello >/dev/console")
            bundle.edit("process") { $0["terminal"] = true }
            try bundle.write()
            let child = try Child(
                [Bundle.runtime, "--root", bundle.state, "run", "--bundle", bundle.directory, bundle.id],
                wiring: .terminal(rows: 24, columns: 80))
            let result = try child.wait()
            #expect(result.status == 0, "\(result)")
            #expect(result.out.contains("character special file 620") && result.out.contains("hello"))
            #expect(result.out.contains("/dev/pts/0") || result.out.contains("/dev/console"))
        }

        /// readOnly, masked and protected paths; what is not there is no error.
        @Test func protectedPaths() throws {
            let bundle = try Bundle(
                """
                touch /x; touch /etc/protected/x /etc/protected/inner/x; cat /etc/secret; ls /home /proc/tty; touch /home/x
                touch /proc/tty/x; cat /proc/uptime
                stat -c '%F %t:%T' /etc/secret; cat /proc/keys; echo 1 >/proc/sys/kernel/panic; touch /tmp/ok && echo end
                """)
            mkdir(bundle.root + "/etc/protected", 0o755)
            mkdir(bundle.root + "/etc/protected/inner", 0o755)
            mkdir(bundle.root + "/home/hidden", 0o755)
            try "secret".write(toFile: bundle.root + "/etc/secret", atomically: false, encoding: .utf8)
            bundle.config["root"] = ["path": "rootfs", "readonly": true] as Bundle.Document
            bundle.add(mount: "/tmp", type: "tmpfs", source: "x")
            bundle.add(mount: "/etc/protected/inner", type: "tmpfs", source: "x")
            bundle.edit("linux") {
                // runc 1.1.5 does not take what is beneath a file for absent.
                let beneath = Bundle.isGantry ? ["/etc/secret/beneath"] : []
                $0["maskedPaths"] = ["/etc/secret", "/home", "/not/there", "/proc/keys", "/proc/tty"] + beneath
                $0["readonlyPaths"] = ["/etc/protected", "/proc/sys", "/not/there/either"]
            }
            try "always".write(toFile: bundle.directory + "/uptime", atomically: false, encoding: .utf8)
            // Behind all other mounts, one in /proc: what is protected there waits for it.
            for isLate in [false, true] {
                if isLate {
                    bundle.add(mount: "/proc/uptime", type: "bind", source: bundle.directory + "/uptime", ["bind"])
                }
                let result = try bundle.run()
                let shown = "/home:\n\n/proc/tty:\n"
                #expect(result.out.hasPrefix(shown) && result.out.hasSuffix("character special file 1:3\nend\n"))
                #expect(result.out.contains("always") == isLate, "\(result)")
                let refused = [
                    "/x", "/etc/protected/x", "/etc/protected/inner/x", "/home/x", "/proc/tty/x",
                    "/proc/sys/kernel/panic",
                ]
                for path in refused { #expect(result.err.contains("\(path): Read-only file system"), "\(path)") }
            }
        }

        /// `root.path` in all its forms, and what `rootfsPropagation` makes of the root.
        @Test func roots() throws {
            let bundle = try Bundle("cat /etc/name")
            try "here".write(toFile: bundle.root + "/etc/name", atomically: false, encoding: .utf8)
            symlink("rootfs", bundle.directory + "/link")
            // runc 1.1.5 refuses a symbolic link.
            for path in ["rootfs", "./rootfs/", bundle.root] + (Bundle.isGantry ? ["link"] : []) {
                bundle.config["root"] = ["path": path] as Bundle.Document
                #expect(try bundle.run().out == "here", "\(path)")
            }
            for path in ["nowhere", "config.json"] {
                bundle.config["root"] = ["path": path] as Bundle.Document
                #expect(try bundle.run().status == 1, "\(path)")
            }
            bundle.config["root"] = ["path": "rootfs"] as Bundle.Document
            bundle.edit("linux") { $0["rootfsPropagation"] = "sideways" }
            #expect(try bundle.run().status == 1)
        }

        @Test(
            .enabled(if: Bundle.isGantry),
            arguments: [
                ("shared", "shared"), ("rshared", "shared"), ("private", ""), ("rprivate", ""),
                ("unbindable", "unbindable"), ("runbindable", "unbindable"), ("slave", "master"), ("rslave", "master"),
                ("", "master"),
            ])
        func propagationOfTheRoot(_ name: String, _ expected: String) throws {
            let bundle = try Bundle()
            let outside = bundle.root
            try succeed(["mount", "--bind", outside, outside])
            try succeed(["mount", "--make-shared", outside])
            defer { _ = try? command(["umount", "-R", outside]) }
            bundle.edit("linux") { $0["rootfsPropagation"] = name.isEmpty ? nil : name }
            let root = try #require(try bundle.mounts()["/"])
            #expect(
                root.propagation.map { String($0.split(separator: ":")[0]) } == (expected.isEmpty ? [] : [expected]))
            // Nothing of the container's mounts has reached the host.
            #expect(try !Programs.text("/proc/self/mountinfo").contains(outside + "/proc"))
        }

        /// Where the machine's root is a ramfs there is no pivot_root; the host's mounts are gone all the same.
        @Test func withoutPivot() throws {
            let bundle = try Bundle("cat /proc/self/mountinfo; cat /etc/name >&2; ls -d /../etc/name /work /usr >&2")
            try "here\n".write(toFile: bundle.root + "/etc/name", atomically: false, encoding: .utf8)
            let result = try bundle.run(["--no-pivot"])
            #expect(result.status != 127 && result.err.contains("here\n/../etc/name\n".prefix(5)))
            let points = MountLine.all(result.out).map(\.point)
            #expect(points.contains("/") && points.contains("/proc"))
            if Bundle.isGantry { #expect(!points.contains { $0.hasPrefix("/sys/fs/cgroup/unified") }) }
        }

        /// Sysctls of namespaces the container has; none of the host's.
        @Test func kernelParameters() throws {
            let bundle = try Bundle(
                "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max; hostname; cat /proc/sys/kernel/domainname"
            )
            bundle.config["hostname"] = "a-name"
            bundle.config["domainname"] = "a.domain"
            bundle.edit("linux") {
                $0["sysctl"] = [
                    "net.ipv4.ip_unprivileged_port_start": "77", "kernel.msgmax": "9000", "fs.mqueue.msg_max": "11",
                ]
            }
            let result = try bundle.run()
            #expect(Array(result.lines.prefix(4)) == ["77", "9000", "11", "a-name"])
            // runc 1.1.5 does not know the member.
            if Bundle.isGantry { #expect(result.lines.last == "a.domain") }
            for (kind, name) in [
                ("network", "net.ipv4.ip_forward"), ("ipc", "kernel.shmmax"), ("uts", "kernel.domainname"),
            ] {
                let wrong = try Bundle()
                wrong.edit("linux") { $0["sysctl"] = [name: "1"] }
                wrong.namespaces { $0.filter { $0["type"] as? String != kind } }
                if kind == "uts" { wrong.config["hostname"] = nil }
                #expect(try wrong.run().status == 1, "\(name) of the host")
            }
        }
    }
}
