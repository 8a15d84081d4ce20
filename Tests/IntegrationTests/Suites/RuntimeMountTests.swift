import Foundation
import Glibc
import Testing

/// One line of mountinfo (proc_pid_mountinfo(5)).
struct MountLine: CustomStringConvertible {
    var description: String
    var root: String
    var point: String
    var options: Set<String>
    /// `shared:1`, `master:2`, `unbindable`.
    var propagation: [String]
    var type: String
    var source: String
    var superblock: Set<String>

    init?(_ line: String) {
        let fields = line.split(separator: " ").map(String.init)
        guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3 else { return nil }
        description = line
        root = fields[3]
        point = fields[4]
        options = Set(fields[5].split(separator: ",").map(String.init))
        propagation = Array(fields[6..<dash])
        type = fields[dash + 1]
        source = fields[dash + 2]
        superblock = Set(fields[dash + 3].split(separator: ",").map(String.init))
    }

    static func all(_ text: String) -> [MountLine] { text.split(separator: "\n").compactMap { MountLine(String($0)) } }
}

extension Bundle {
    /// The mounts its process sees; the script's own output goes to standard error.
    func mounts() throws -> [String: MountLine] {
        edit("process") { $0["args"] = ["/bin/cat", "/proc/self/mountinfo"] }
        let result = try run()
        guard result.status == 0 else { throw HarnessError(result.description) }
        return Dictionary(MountLine.all(result.out).map { ($0.point, $0) }) { $1 }
    }

    func drop(mount destination: String) {
        config["mounts"] = (config["mounts"] as? [Document] ?? []).filter {
            $0["destination"] as? String != destination
        }
    }

    /// A directory beside the root, for what bundles bind.
    func volume(_ name: String = "volume") -> String {
        mkdir(directory + "/" + name, 0o755)
        return directory + "/" + name
    }
}

extension Integration {
    @Suite(.serialized)
    struct RuntimeMountTests {
        /// Options on a new file system, and what the kernel then says.
        @Test(arguments: [
            ("", "rw,relatime"), ("ro", "ro,relatime"), ("ro,rw", "rw,relatime"), ("rw,ro", "ro,relatime"),
            ("nosuid,nodev,noexec", "rw,nosuid,nodev,noexec,relatime"),
            ("nosuid,suid,nodev,dev,noexec,exec", "rw,relatime"), ("suid,nosuid", "rw,nosuid,relatime"),
            ("noatime", "rw,noatime"), ("noatime,atime", "rw,relatime"), ("noatime,strictatime", "rw"),
            ("strictatime", "rw"), ("strictatime,nostrictatime", "rw,relatime"), ("relatime", "rw,relatime"),
            ("nodiratime", "rw,nodiratime,relatime"), ("nodiratime,diratime", "rw,relatime"),
            ("nosymfollow", "rw,relatime,nosymfollow"), ("nosymfollow,symfollow", "rw,relatime"),
            ("defaults,silent,loud,norelatime", "rw,relatime"),
        ])
        func optionsOfANewFileSystem(_ options: String, _ expected: String) throws {
            let bundle = try Bundle()
            bundle.add(mount: "/m", type: "ramfs", source: "name", options.split(separator: ",").map(String.init))
            let line = try #require(try bundle.mounts()["/m"])
            #expect(line.options == Set(expected.split(separator: ",").map(String.init)))
            #expect(line.source == "name")
        }

        /// runc 1.1.5 has these for binds only.
        @Test(
            .enabled(if: Bundle.isGantry),
            arguments: [
                ("rro", "ro,relatime"),
                ("rnosuid,rnodev,rnoexec", "rw,nosuid,nodev,noexec,relatime"),
                ("rnoatime,rnodiratime", "rw,noatime,nodiratime"), ("rstrictatime", "rw"),
                ("noexec,rexec,nosuid,rsuid,nodev,rdev,ro,rrw", "rw,relatime"), ("noatime,ratime", "rw,relatime"),
            ])
        func recursiveOptionsOfANewFileSystem(_ options: String, _ expected: String) throws {
            try optionsOfANewFileSystem(options, expected)
        }

        /// Options of the whole file system, and several in one entry.
        @Test func superblockOptions() throws {
            let bundle = try Bundle()
            bundle.add(
                mount: "/m", type: "tmpfs", source: "x",
                ["sync", "dirsync", "lazytime", "iversion", "acl", "size=1m,nr_inodes=7"])
            bundle.add(mount: "/n", type: "tmpfs", source: "x", ["sync", "async", "lazytime", "nolazytime"])
            let mounts = try bundle.mounts()
            #expect(
                mounts["/m"]?.superblock.isSuperset(of: ["sync", "dirsync", "lazytime", "size=1024k", "nr_inodes=7"])
                    == true)
            #expect(mounts["/n"]?.superblock.isDisjoint(with: ["sync", "lazytime"]) == true)
            bundle.add(mount: "/o", type: "tmpfs", source: "x", ["nonsense=1"])
            let refused = try bundle.run()
            #expect(refused.status == 1)
            if Bundle.isGantry { #expect(refused.err.contains("nonsense")) }
        }

        /// What is not one of the usual kinds is whatever the kernel has.
        @Test func everyFileSystem() throws {
            let bundle = try Bundle()
            let image = bundle.directory + "/disk"
            try succeed(["sh", "-c", "truncate -s 8M \(image) && mkfs.ext4 -q \(image)"])
            let loop = try succeed(["losetup", "--find", "--show", image])
            defer { _ = try? command(["losetup", "--detach", loop]) }
            mkdir(bundle.volume("lower") + "/seen", 0o755)
            bundle.add(mount: "/disk", type: "ext4", source: loop, ["ro", "noatime"])
            bundle.add(mount: "/ram", type: "ramfs", source: "ramfs", ["mode=0700"])
            let layers =
                (0..<20).map { bundle.volume("a-layer-with-a-rather-long-name-\($0)") } + [bundle.volume("lower")]
            bundle.add(
                mount: "/merged", type: "overlay", source: "overlay",
                [
                    "lowerdir=" + layers.joined(separator: ":"), "upperdir=" + bundle.volume("upper"),
                    "workdir=" + bundle.volume("work"),
                ])
            bundle.add(mount: "/trace", type: "tracefs", source: "tracefs")
            let mounts = try bundle.mounts()
            #expect(mounts["/disk"]?.type == "ext4")
            #expect(mounts["/disk"]?.options.isSuperset(of: ["ro", "noatime"]) == true)
            #expect(mounts["/disk"]?.superblock.contains("ro") == true)
            #expect(mounts["/ram"]?.type == "ramfs")
            #expect(mounts["/merged"]?.type == "overlay")
            #expect(mounts["/trace"]?.type == "tracefs")
            bundle.edit("process") { $0["args"] = ["/bin/ls", "/merged"] }
            #expect(try bundle.run().out == "seen\n")
            bundle.add(mount: "/none", type: "nosuchfs", source: "x")
            #expect(try bundle.run().status == 1)
        }

        @Test func bindsKeepWhatNobodyChanged() throws {
            let bundle = try Bundle()
            let volume = bundle.volume()
            try succeed(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,noatime", "x", volume])
            defer { _ = try? command(["umount", "-R", volume]) }
            mkdir(volume + "/inner", 0o755)
            try succeed(["mount", "-t", "tmpfs", "-o", "nosuid", "y", volume + "/inner"])
            bundle.add(mount: "/same", type: "bind", source: volume, ["rbind", "size=1", "nonsense"])
            bundle.add(mount: "/one", type: "none", source: volume, ["bind"])
            bundle.add(mount: "/ro", type: "bind", source: volume, ["rbind", "ro"])
            bundle.add(mount: "/rro", type: "bind", source: volume, ["rbind", "rro"])
            bundle.add(mount: "/off", type: "bind", source: volume, ["rbind", "exec", "dev", "suid", "atime"])
            bundle.add(
                mount: "/roff", type: "bind", source: volume,
                ["rbind", "rsuid", "rexec", "rstrictatime", "rnosymfollow"])
            let mounts = try bundle.mounts()
            #expect(mounts["/same"]?.options == ["rw", "nosuid", "nodev", "noexec", "noatime"])
            #expect(mounts["/same/inner"]?.options == ["rw", "nosuid", "relatime"])
            #expect(mounts["/one"]?.options == ["rw", "nosuid", "nodev", "noexec", "noatime"])
            #expect(mounts["/one/inner"] == nil)
            #expect(mounts["/ro"]?.options.contains("ro") == true)
            #expect(mounts["/ro/inner"]?.options.contains("ro") == false)
            #expect(mounts["/rro"]?.options.contains("ro") == true)
            #expect(mounts["/rro/inner"]?.options.contains("ro") == true)
            #expect(mounts["/off/inner"]?.options == ["rw", "nosuid", "relatime"])
            if Bundle.isGantry {
                // runc 1.1.5 switches nothing off, or with one word all that the source has.
                #expect(mounts["/off"]?.options == ["rw", "relatime"])
                #expect(mounts["/ro"]?.options == ["ro", "nosuid", "nodev", "noexec", "noatime"])
                #expect(mounts["/roff"]?.options == ["rw", "nodev", "nosymfollow"])
                #expect(mounts["/roff/inner"]?.options == ["rw", "nosymfollow"])
            }
        }

        /// Where mounts go: relative names, files, links of the image, what is missing.
        @Test func places() throws {
            let bundle = try Bundle(
                "cat /deep/er/file /link/file /etc/over; stat -c '%F %a' /deep/er/file /var/run/new; ls /relative")
            let volume = bundle.volume()
            try "one\n".write(toFile: volume + "/file", atomically: false, encoding: .utf8)
            try "under\n".write(toFile: bundle.root + "/etc/over", atomically: false, encoding: .utf8)
            symlink("file", volume + "/alias")
            symlink("/home", bundle.root + "/link")
            mkdir(bundle.root + "/var", 0o755)
            symlink("../../run", bundle.root + "/var/run")
            bundle.add(mount: "/deep/er/file", type: "bind", source: volume + "/file", ["bind"])
            // The source is a link of the host, relative to the bundle.
            bundle.add(mount: "/link/file", type: "bind", source: "volume/alias", ["bind"])
            bundle.add(mount: "/etc/over", type: "bind", source: volume + "/file", ["bind", "ro"])
            bundle.add(mount: "relative", type: "bind", source: volume, ["rbind"])
            bundle.add(mount: "/var/run/new", type: "tmpfs", source: "x", ["mode=711"])
            let result = try bundle.run()
            #expect(
                result.out == "one\none\none\nregular file 644\ndirectory 711\nalias\nfile\n", "\(result.err)")
            // What had to be made is in the image, as with runc.
            #expect(
                try succeed(["stat", "-c", "%a %s", bundle.root + "/deep/er/file", bundle.root + "/home/file"])
                    == "755 0\n755 0")
            #expect(Programs.exists(bundle.root + "/run/new"))
            for (source, destination) in [(volume, "/etc/over"), (volume + "/file", "/etc"), (volume + "/none", "/x")] {
                let wrong = try Bundle()
                try "".write(toFile: wrong.root + "/etc/over", atomically: false, encoding: .utf8)
                wrong.add(mount: destination, type: "bind", source: source, ["bind"])
                #expect(try wrong.run().status == 1, "\(source) on \(destination)")
            }
        }

        /// A tmpfs has the mode of what it covers, or that and its contents.
        @Test func temporaryFileSystems() throws {
            let bundle = try Bundle(
                """
                stat -c '%a' /tmp /new /moded; cat /copied/file; readlink /copied/link; stat -c '%a %u:%g %Y' \
                /copied /copied/file /copied/sub/inner; echo x >/copied/file; touch /readonly/x /readonly/sub/x; ls /readonly
                """)
            chmod(bundle.root + "/tmp", 0o1777)
            try succeed([
                "sh", "-c",
                """
                cd \(bundle.root); mkdir -p copied/sub moded readonly; echo text >copied/file; ln -s file copied/link
                echo 2 >copied/sub/inner; chmod 604 copied/file; chown 5:6 copied/file copied/sub/inner; chmod 750 copied
                touch -d @1000 copied/file copied/sub/inner copied
                """,
            ])
            bundle.add(mount: "/tmp", type: "tmpfs", source: "x")
            bundle.add(mount: "/new", type: "tmpfs", source: "x")
            bundle.add(mount: "/moded", type: "tmpfs", source: "x", ["mode=0700"])
            bundle.add(mount: "/copied", type: "tmpfs", source: "x", ["tmpcopyup"])
            // What lies beneath a read-only one is still made.
            bundle.add(mount: "/readonly", type: "tmpfs", source: "x", ["ro"])
            bundle.add(mount: "/readonly/sub", type: "tmpfs", source: "x")
            let result = try bundle.run()
            // runc 1.1.5 gives the directory's mode even where another one is asked for.
            #expect(result.lines.prefix(5) == ["1777", "1777", Bundle.isGantry ? "700" : "755", "text", "file"])
            if Bundle.isGantry {
                #expect(result.lines.dropFirst(5).prefix(3) == ["750 0:0 1000", "604 5:6 1000", "644 5:6 1000"])
            }
            #expect(result.lines.last == "sub")
            #expect(result.err.contains("/readonly/x: Read-only file system") && !result.err.contains("sub/x"))
            #expect(try Programs.text(bundle.root + "/copied/file") == "text\n")
        }

        @Test func remounts() throws {
            let bundle = try Bundle()
            bundle.add(mount: "/m", type: "tmpfs", source: "x", ["size=1m"])
            bundle.add(mount: "/m", type: "tmpfs", source: "x", ["remount", "ro", "nosuid", "size=2m"])
            bundle.add(mount: "/b", type: "bind", source: bundle.volume(), ["bind"])
            bundle.add(mount: "/b", type: "bind", source: bundle.volume(), ["bind", "remount", "ro", "noexec"])
            let mounts = try bundle.mounts()
            #expect(mounts["/m"]?.options.isSuperset(of: ["ro", "nosuid"]) == true)
            #expect(mounts["/m"]?.superblock.contains("size=2048k") == true)
            #expect(mounts["/b"]?.options.isSuperset(of: ["ro", "noexec"]) == true)
        }

        @Test func kernelFileSystems() throws {
            let bundle = try Bundle()
            bundle.drop(mount: "/proc")
            bundle.add(mount: "/proc", type: "proc", source: "proc", ["ro", "hidepid=2"])
            bundle.add(mount: "/cgroup2", type: "cgroup2", source: "cgroup2", ["ro", "nosuid"])
            bundle.edit("linux") { $0["maskedPaths"] = [String]() }
            let mounts = try bundle.mounts()
            #expect(mounts["/proc"]?.options.contains("ro") == true)
            #expect(mounts["/proc"]?.superblock.isDisjoint(with: ["hidepid=2", "hidepid=invisible"]) == false)
            #expect(mounts["/cgroup2"]?.type == "cgroup2")
            #expect(mounts["/dev/mqueue"]?.type == "mqueue")
            #expect(mounts["/sys"]?.type == "sysfs")
            for hierarchy in mounts.keys where hierarchy.hasPrefix("/sys/fs/cgroup/") {
                #expect(mounts[hierarchy]?.options.contains("ro") == true, "\(hierarchy)")
                if Bundle.isGantry { #expect(mounts[hierarchy]?.root == "/", "\(hierarchy)") }
            }
            // With the host's process and network namespaces too.
            let host = try Bundle("ls -d /proc/$$ /sys/class/net/lo && cat /proc/1/comm")
            host.namespaces { $0.filter { !["pid", "network"].contains($0["type"] as? String) } }
            let result = try host.run()
            #expect(result.lines.last == (try Programs.text("/proc/1/comm")).trimmingCharacters(in: .newlines))
        }

        @Test(arguments: [false, true], [false, true])
        func cgroups(readOnly: Bool, namespace: Bool) throws {
            let bundle = try Bundle(
                "for h in /sys/fs/cgroup/*; do mkdir $h/sub && rmdir $h/sub && echo made; done 2>/dev/null | wc -l")
            bundle.drop(mount: "/sys/fs/cgroup")
            bundle.add(mount: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", readOnly ? ["ro"] : [])
            if !namespace { bundle.namespaces { $0.filter { $0["type"] as? String != "cgroup" } } }
            let result = try bundle.run()
            let count = Int(result.trimmed) ?? -1
            if readOnly { #expect(count == 0) } else { #expect(count > 3, "\(result)") }
        }

        @Test func propagationOfMounts() throws {
            let bundle = try Bundle()
            let host = bundle.volume("host")
            try succeed(["mount", "-t", "tmpfs", "x", host])
            try succeed(["mount", "--make-shared", host])
            defer { _ = try? command(["umount", "-R", host]) }
            for option in ["private", "slave", "shared", "unbindable", "rprivate", "rslave", "rshared", "runbindable"] {
                bundle.add(mount: "/bind-" + option, type: "bind", source: host, ["rbind", option])
                bundle.add(mount: "/new-" + option, type: "tmpfs", source: "x", [option])
            }
            bundle.add(mount: "/bind", type: "bind", source: host, ["rbind"])
            let mounts = try bundle.mounts()
            func kinds(_ point: String) -> [String] {
                (mounts[point]?.propagation ?? []).map { String($0.split(separator: ":")[0]) }
            }
            for r in ["", "r"] {
                #expect(kinds("/new-\(r)private") == [] && kinds("/new-\(r)slave") == [])
                #expect(kinds("/new-\(r)shared") == ["shared"] && kinds("/new-\(r)unbindable") == ["unbindable"])
                #expect(kinds("/bind-\(r)private") == [] && kinds("/bind-\(r)unbindable") == ["unbindable"])
                #expect(kinds("/bind-\(r)slave") == ["master"])
                #expect(kinds("/bind-\(r)shared").first == "shared")
            }
            #expect(kinds("/bind") == ["master"])
        }

        /// A mount in a shared volume reaches the host, and the host's reach a slave.
        @Test func propagationReachesTheHost() throws {
            let bundle = try Bundle("mount -t tmpfs inside /shared/sub && touch /shared/sub/x && sleep 100")
            let host = bundle.volume("host")
            try succeed(["mount", "-t", "tmpfs", "x", host])
            try succeed(["mount", "--make-shared", host])
            defer { _ = try? command(["umount", "-R", host]) }
            mkdir(host + "/sub", 0o755)
            mkdir(host + "/later", 0o755)
            bundle.add(mount: "/shared", type: "bind", source: host, ["rbind", "rshared"])
            bundle.add(mount: "/slave", type: "bind", source: host, ["rbind", "rslave"])
            bundle.add(mount: "/private", type: "bind", source: host, ["rbind", "rprivate"])
            let all = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]
            bundle.edit("process") {
                $0["capabilities"] = ["bounding": all, "effective": all, "permitted": all]
            }
            bundle.edit("linux") { $0["rootfsPropagation"] = "shared" }
            try bundle.start()
            // runc has the volume shared with the host only when the root is.
            try eventually("the container's mount") { Programs.exists(host + "/sub/x") }
            try succeed(["mount", "-t", "tmpfs", "late", host + "/later"])
            try "".write(toFile: host + "/later/seen", atomically: false, encoding: .utf8)
            #expect(try bundle.exec([], "ls", "/slave/later").out == "seen\n")
            #expect(try bundle.exec([], "ls", "/private/later").out == "")
        }
    }
}
