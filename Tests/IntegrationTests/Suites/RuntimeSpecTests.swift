import Foundation
import Glibc
import Testing

/// A service manager's end of sd_notify(3).
private final class ServiceManager {
    let path: String
    private let descriptor: Int32

    init(in directory: String) throws {
        path = directory + "/manager.sock"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw HarnessError("bind \(path): errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// The next message; descriptors that come with it are closed, which passes a barrier.
    func next() throws -> String {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 30000) == 1 else { throw HarnessError("no message within 30 s") }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).trimmingCharacters(in: .newlines)
    }
}

extension Bundle {
    /// Puts the host's Python into the container, for what busybox cannot do; `script` is its program.
    fileprivate func python(_ script: String) {
        for path in ["/usr", "/lib", "/lib64"] where Programs.exists(path) {
            add(mount: path, type: "bind", source: path, ["rbind", "ro"])
        }
        edit("process") { $0["args"] = ["/usr/bin/python3", "-c", script] }
    }

    fileprivate func drop(namespace: String) {
        edit("linux") { linux in
            linux["namespaces"] = (linux["namespaces"] as? [Document] ?? []).filter {
                $0["type"] as? String != namespace
            }
        }
    }
}

extension Integration {
    /// What the validation programs and crun's tests have found here once.
    @Suite(.serialized) struct RuntimeSpecTests {
        private static let ready = """
            import os, socket, time
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(
                b"STATUS=up\\nREADY=1\\nMAINPID=1\\n", os.environ["NOTIFY_SOCKET"])
            time.sleep(600)
            """

        /// The caller's service manager learns that the program is ready, and nothing else that the program says.
        @Test(arguments: ["run", "detached", "start"]) func readinessIsPassedOn(_ how: String) throws {
            let bundle = try Bundle()
            bundle.python(Self.ready)
            try bundle.write()
            let manager = try ServiceManager(in: bundle.directory)
            let words: [String]
            switch how {
            case "run": words = ["run", "--bundle", bundle.directory, bundle.id]
            case "detached": words = ["run", "--detach", "--bundle", bundle.directory, bundle.id]
            default:
                let create = ["create", "--bundle", bundle.directory, bundle.id]
                let script = #"exec "$@" </dev/null >/dev/null 2>&1"#
                try succeed(
                    ["sh", "-c", script, "sh", Bundle.runtime, "--root", bundle.state] + create,
                    environment: ["NOTIFY_SOCKET": manager.path])
                words = ["start", bundle.id]
            }
            let child = try Child(
                ["sh", "-c", #"exec "$@" </dev/null >/dev/null 2>&1"#, "sh", Bundle.runtime, "--root", bundle.state]
                    + words, environment: ["NOTIFY_SOCKET": manager.path])
            #expect(try manager.next() == "READY=1")
            let pid = try #require(try bundle.member("pid") as? Int)
            #expect(try manager.next() == "MAINPID=\(how == "run" ? Int(child.pid) : pid)")
            #expect(try manager.next() == "BARRIER=1")
            if how != "run" { #expect(try child.wait().status == 0) }
            #expect(try bundle.runtime(["delete", "--force", bundle.id]).status == 0)
            if how == "run" { _ = try child.wait() }
            #expect(!Programs.exists(bundle.state + "/" + bundle.id))
        }

        /// A program that ends without a word keeps nobody waiting; without a caller that asks there is no socket.
        @Test func readinessThatNeverComes() throws {
            let bundle = try Bundle(
                "echo $NOTIFY_SOCKET; ls /run/notify; touch /run/notify/x 2>/dev/null || echo read-only")
            let manager = try ServiceManager(in: bundle.directory)
            let words = ["run", "--bundle", bundle.directory, bundle.id]
            let told = try bundle.runtime(words, environment: ["NOTIFY_SOCKET": manager.path])
            #expect(told.lines == ["/run/notify/notify.sock", "notify.sock", "read-only"], "\(told)")
            #expect(try bundle.run().out == "\n")
        }

        /// In the caller's mount namespace nothing is mounted, and there is no way out of the root.
        @Test(.enabled(if: Bundle.isGantry)) func worksWithoutAMountNamespace() throws {
            let bundle = try Bundle()
            bundle.drop(namespace: "mount")
            bundle.add(mount: "/scratch", type: "tmpfs", source: "tmpfs", ["size=64k"])
            bundle.edit("process") { process in
                let all = ["CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE"]
                process["capabilities"] = ["bounding": all, "effective": all, "permitted": all]
            }
            bundle.python(
                """
                import os, time
                print(os.readlink("/proc/self/ns/mnt"), sorted(os.listdir("/dev/fd/"))[:3], os.listdir("/scratch"))
                open("/dev/null", "w").write("x")
                os.mkdir("/inner"); os.chroot("/inner")
                for _ in range(64): os.chdir("..")
                os.chroot(".")
                print(os.path.exists("\(bundle.directory)"), os.path.exists("/etc/passwd"), flush=True)
                time.sleep(600)
                """)
            let before = try Programs.text("/proc/self/mountinfo")
            try bundle.start()
            try eventually("the program") {
                try Programs.text(bundle.directory + "/detached.log").contains("False True")
            }
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/mnt")
            #expect(try Programs.text(bundle.directory + "/detached.log").hasPrefix("\(own) ['0', '1', '2'] []\n"))
            #expect(try Programs.text("/proc/self/mountinfo") == before)
            #expect(try bundle.exec([], "/bin/cat", "/etc/passwd").out.contains("alice"))
            let outside = try bundle.exec([], "/bin/sh", "-c", "ls -d \(bundle.directory); readlink /proc/self/ns/mnt")
            #expect(outside.out == "\(own)\n", "\(outside)")
            bundle.drop(namespace: "pid")
            RuntimeUserTests.isolate(bundle)
            let users = try bundle.runtime(["run", "--bundle", bundle.directory, bundle.id + "-users"])
            #expect(users.err.contains("needs a mount namespace of its own"), "\(users)")
        }

        /// In the listed order (config.md, "Mounts"), also what is shared; and the container's table says so.
        @Test func mountsInOrder() throws {
            let bundle = try Bundle()
            let volume = bundle.volume()
            var expected: [String] = []
            for (index, option) in ["rshared", "tmpfs", "slave", "shared", "private", "tmpfs", "rprivate"].enumerated()
            {
                let point = "/m\(index)-\(option)"
                expected.append(point)
                let isNew = option == "tmpfs"
                bundle.add(
                    mount: point, type: isNew ? "tmpfs" : "bind", source: isNew ? "x" : volume,
                    isNew ? [] : ["rbind", option])
            }
            bundle.edit("process") { $0["args"] = ["/bin/cat", "/proc/self/mountinfo"] }
            let table = MountLine.all(try bundle.run().out).map(\.point)
            #expect(table.filter { $0.hasPrefix("/m") } == expected)
        }

        /// A shared volume is shared with the host only beneath a root that is.
        @Test func sharedBeneathAPrivateRootStaysInside() throws {
            let bundle = try Bundle("mount -t tmpfs inside /shared/sub && touch /shared/sub/x && sleep 600")
            let host = bundle.volume("host")
            try succeed(["mount", "-t", "tmpfs", "x", host])
            try succeed(["mount", "--make-shared", host])
            defer { _ = try? command(["umount", "-R", host]) }
            mkdir(host + "/sub", 0o755)
            bundle.add(mount: "/shared", type: "bind", source: host, ["rbind", "rshared"])
            let all = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]
            bundle.edit("process") {
                $0["capabilities"] = ["bounding": all, "effective": all, "permitted": all]
            }
            try bundle.start()
            try eventually("the container's mount") {
                try bundle.exec([], "ls", "/shared/sub").out == "x\n"
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: host + "/sub") == [])
        }

        /// Nodes that the container's root could not make have the owner and the mode that were asked for.
        @Test(.enabled(if: Bundle.isGantry)) func devicesInAUserNamespace() throws {
            let bundle = try Bundle(
                """
                stat -c '%u:%g %a %t:%T' /dev/mine /dev/disk /dev/odd
                id -u; echo x >/dev/mine && head -c 3 /dev/sub/zero | od -An -tx1
                """)
            RuntimeUserTests.isolate(bundle)
            func device(_ path: String, _ type: String, _ minor: Int, _ more: Bundle.Document) -> Bundle.Document {
                ["path": path, "type": type, "major": 1, "minor": minor].merging(more) { $1 }
            }
            bundle.edit("linux") {
                $0["devices"] = [
                    device("/dev/mine", "c", 3, ["uid": 10, "gid": 11]),
                    device("/dev/disk", "b", 5, ["fileMode": 0o157, "uid": 0, "gid": 0]),
                    device("/dev/odd", "c", 5, ["uid": 70000]), device("/dev/sub/zero", "c", 5, [:]),
                ]
            }
            let result = try bundle.run()
            #expect(
                result.lines == [
                    "10:11 666 1:3", "0:0 157 1:5", "65534:65534 666 1:5", "0", " 00 00 00",
                ], "\(result)")
        }

        /// What `create --no-new-keyring` said holds for everything that runs in the container.
        @Test func execStaysOutOfAKeyringThatIsNotThere() throws {
            func start(_ flags: [String]) throws -> Bundle {
                let bundle = try Bundle("sleep 600")
                bundle.edit("linux") { $0["maskedPaths"] = [String]() }
                try bundle.start(flags)
                return bundle
            }
            let without = try start(["--no-new-keyring"])
            #expect(try !without.exec([], "cat", "/proc/keys").out.contains("_ses.\(without.id)"))
            let with = try start([])
            #expect(
                try with.exec([], "cat", "/proc/keys").out.contains("_ses.\(with.id)") == Programs.exists("/proc/keys"))
        }

        /// A process that is killed before its program runs has no exit code to give.
        @Test func killedWhileBeingSetUp() throws {
            let bundle = try Bundle("touch /ran")
            bundle.hook(
                "createRuntime", #"pid=$(tr , '\n' | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'); kill -9 $pid"#)
            let result = try bundle.run()
            #expect(result.status == 1 && !Programs.exists(bundle.root + "/ran"), "\(result)")
            if Bundle.isGantry { #expect(result.err.contains("ended while it was being set up")) }
            #expect(try bundle.traces() == [])
        }

        /// The same for an exec: it waits, frozen with its container, when it is killed.
        @Test(.enabled(if: Bundle.isGantry)) func anExecKilledWhileBeingSetUp() throws {
            let bundle = try Bundle("sleep 600")
            try bundle.start()
            #expect(try bundle.runtime(["pause", bundle.id]).status == 0)
            let first = try #require(try bundle.member("pid") as? Int)
            let child = try Child([
                Bundle.runtime, "--root", bundle.state, "exec", "--ignore-paused", bundle.id, "touch", "/ran",
            ])
            let find = [
                "sh", "-c",
                "cat /sys/fs/cgroup/freezer/*/\(bundle.id)/cgroup.procs /sys/fs/cgroup/freezer/\(bundle.id)/cgroup.procs 2>/dev/null",
            ]
            try eventually("the frozen exec") { try command(find).lines.count == 2 }
            for pid in try command(find).lines.compactMap({ Int32($0) }) where pid != first { kill(pid, SIGKILL) }
            #expect(try bundle.runtime(["resume", bundle.id]).status == 0)
            let result = try child.wait()
            #expect(result.status == 255 && result.err.contains("ended while it was being set up"), "\(result)")
            #expect(!Programs.exists(bundle.root + "/ran"))
        }

        /// A step of the set-up that the kernel refuses ends the start with its reason and leaves nothing; a slow one is waited for.
        @Test(
            .enabled(if: Bundle.isGantry),
            arguments: [
                ("unshare:error=ENOSPC:when=1", "make the network namespace: no space left on device"),
                ("ioctl:error=EPERM", "bring the loopback link up: operation not permitted"),
                ("mkdir:error=ENOSPC:when=6", "create of cgroup /sys/fs/cgroup/"),
                ("open_tree:error=ENOSPC:when=5", "no space left on device"), ("unshare:delay_enter=100000:when=1", ""),
            ])
        func refusedStepsEndTheStart(_ injected: String, _ reason: String) throws {
            let bundle = try Bundle("grep -c 127.0.0.1 /proc/net/fib_trie; wc -l </proc/self/cgroup")
            try bundle.write()
            let result = try command(
                ["strace", "-f", "-o", "/dev/null", "-e", "inject=" + injected, Bundle.runtime, "--root", bundle.state]
                    + ["run", "--bundle", bundle.directory, bundle.id])
            if reason.isEmpty {
                #expect(result.status == 0 && result.out.hasPrefix("2\n"), "\(result)")
            } else {
                #expect(result.status == 1 && result.err.contains(reason) && result.out == "", "\(result)")
            }
            #expect(try bundle.traces() == [])
        }

        /// Other types than the specification's are never taken for absent, versions are looked at.
        @Test(.enabled(if: Bundle.isGantry)) func readsTheBundleStrictly() throws {
            let edits: [(String, (Bundle) -> Void)] = [
                (
                    "noNewPrivileges is a string, not true or false",
                    { $0.edit("process") { $0["noNewPrivileges"] = "true" } }
                ),
                ("not an array", { $0.edit("linux") { $0["maskedPaths"] = "/proc/kcore" } }),
                ("not an object", { $0.edit("linux") { $0["resources"] = [1] } }),
                ("ociVersion is missing", { $0.config["ociVersion"] = nil }),
                ("ociVersion 2.0.0 is not supported", { $0.config["ociVersion"] = "2.0.0" }),
                ("ociVersion one is not a version", { $0.config["ociVersion"] = "one" }),
                ("root.path is missing", { $0.config["root"] = ["readonly": true] }),
                ("NUL", { $0.edit("process") { $0["args"] = ["/bin/echo", "a\0b"] } }),
            ]
            for (reason, edit) in edits {
                let bundle = try Bundle("touch /ran")
                edit(bundle)
                let result = try bundle.run()
                #expect(result.status == 1 && result.err.contains(reason), "\(reason): \(result)")
                #expect(!Programs.exists(bundle.root + "/ran"))
            }
            let newer = try Bundle("echo ran")
            newer.config["ociVersion"] = "1.9.7-rc.1+extra"
            newer.config["unknown"] = ["member": true]
            #expect(try newer.run().out == "ran\n")
        }

        /// When `start` returns, the program runs: no hook, no other process of ours is in its place.
        @Test func startEndsWhenTheProgramRuns() throws {
            let bundle = try Bundle()
            bundle.edit("process") { $0["args"] = ["/bin/sleep", "600"] }
            try bundle.create()
            let pid = try #require(try bundle.member("pid") as? Int)
            #expect(try Programs.text("/proc/\(pid)/cmdline") != "/bin/sleep\0600\0")
            #expect(try bundle.runtime(["start", bundle.id]).status == 0)
            #expect(try Programs.text("/proc/\(pid)/cmdline") == "/bin/sleep\0600\0")
        }

        /// The last of two equal variables, also when `exec` adds one.
        @Test func theLastVariableWins() throws {
            let bundle = try Bundle("echo $TWICE; sleep 600")
            bundle.edit("process") { $0["env"] = ["PATH=/bin", "TWICE=first", "TWICE=last"] }
            try bundle.start()
            try eventually("its word") { try Programs.text(bundle.directory + "/detached.log") == "last\n" }
            #expect(try bundle.exec(["--env", "TWICE=added"], "sh", "-c", "echo $TWICE").out == "added\n")
        }

        /// A read-only root gets the working directory that the image lacks before it is read-only.
        @Test func workingDirectoryInAReadOnlyRoot() throws {
            let bundle = try Bundle("pwd; touch here 2>/dev/null || echo read-only")
            bundle.config["root"] = ["path": "rootfs", "readonly": true] as Bundle.Document
            bundle.edit("process") { $0["cwd"] = "/made/for/it" }
            #expect(try bundle.run().out == "/made/for/it\nread-only\n")
        }

        /// Inheritable may be what is neither bounded nor permitted.
        @Test func inheritableBeyondTheOthers() throws {
            let bundle = try Bundle("grep -E 'Cap(Inh|Prm|Bnd)' /proc/self/status")
            bundle.edit("process") {
                $0["capabilities"] = [
                    "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
                    "inheritable": ["CAP_CHOWN"],
                ]
            }
            let masks = try bundle.run().lines.map { $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } }
            #expect(masks == [1, 32, 32])
        }

        /// crun's words for what runc has too.
        @Test(.enabled(if: Bundle.isGantry)) func crunsFlags() throws {
            let bundle = try Bundle("echo ran; sleep 600")
            try bundle.write()
            try succeed(["mv", bundle.directory + "/config.json", bundle.directory + "/other.json"])
            let whole = [Bundle.runtime, "--cgroup-manager=cgroupfs", "--root", bundle.state]
            let script = #"exec "$@" </dev/null >/dev/null 2>&1"#
            for name in ["one-1", "one-2", "two-1"] {
                try succeed(
                    ["sh", "-c", script, "sh"] + whole
                        + ["run", "--detach", "--bundle", bundle.directory, "--config", "other.json", name])
            }
            try succeed(whole + ["delete", "--force", "--regex", "^one-[0-9]$"])
            #expect(try succeed(whole + ["list", "-q"]) == "two-1")
            try succeed(whole + ["delete", "--force", "two-1"])
            #expect(try command(whole + ["delete", "--regex", "("]).err.contains("not a regular expression"))
            #expect(try command([Bundle.runtime, "--cgroup-manager", "other", "list"]).status == 1)
        }
    }
}
