import Foundation
import Glibc
import Testing

extension Integration {
    /// What hides files and stands in for standard streams is a null device of the container's own: through the host's, a container
    /// would change the owner, the mode and the times of a node that everybody uses.
    @Suite(.enabled(if: Bundle.isGantry, "with runc 1.1.5 the host's null device is in the container"))
    struct RuntimeNullDeviceTests {
        /// Who the container's root is.
        enum Users: CaseIterable { case host, mapped, ordinary }

        /// To what they are already: a container that may do so does no harm here.
        private static let change = """
            for f in /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/sched_debug; do
              [ -e $f ] || continue
              stat -c '%t:%T %d:%i' $f; chmod 666 $f; chown 0:0 $f; touch $f; echo x >$f; cat $f; done
            """

        private static func host() throws -> String { try succeed(["stat", "-c", "%d:%i", "/dev/null"]) }

        /// The words of ``change`` show three refusals a file, and whose node it is.
        private func expectPrivate(_ result: Output, isNode: Bool, _ comment: String) throws {
            let refusals = result.err.components(separatedBy: "Read-only file system").count - 1
            let host = try Self.host()
            #expect(result.lines.count >= 2 && refusals == 3 * result.lines.count, "\(comment): \(result)")
            for line in result.lines {
                #expect(line.hasPrefix("1:3 "), "\(comment): \(result)")
                if isNode { #expect(!line.hasSuffix(" " + host), "\(comment): \(result)") }
            }
        }

        @Test(arguments: Users.allCases) func masksCannotBeChanged(users: Users) throws {
            let bundle = try Bundle(Self.change)
            if users == .mapped { RuntimeUserTests.isolate(bundle) }
            if users == .ordinary {
                RuntimeUserTests.isolate(bundle, RuntimeRootlessTests.own)
                bundle.edit("linux") { $0["resources"] = nil }
                bundle.config["mounts"] = (bundle.config["mounts"] as? [Bundle.Document] ?? []).map { mount in
                    var mount = mount
                    mount["options"] = (mount["options"] as? [String])?.filter { $0 != "gid=5" }
                    return mount
                }
                try bundle.write()
                try succeed(["chown", "-R", "\(OrdinaryUser.uid):\(OrdinaryUser.uid)", bundle.directory])
                let result = try OrdinaryUser().run(
                    [Bundle.runtime, "run", "--bundle", bundle.directory, bundle.id], in: bundle.directory)
                // A user makes no nodes: it is the host's, on a mount that lets nothing be changed.
                try expectPrivate(result, isNode: false, "run")
                return
            }
            try expectPrivate(try bundle.run(), isNode: true, "run")
            bundle.edit("process") { $0["args"] = ["/bin/sleep", "600"] }
            try bundle.start()
            try expectPrivate(try bundle.exec([], "sh", "-c", Self.change), isNode: true, "exec")
        }

        /// The nodes of /dev, where they cannot be made but are bound.
        @Test(arguments: [Users.mapped, .ordinary]) func boundDevicesCannotBeChanged(users: Users) throws {
            let bundle = try Bundle(
                """
                for n in null zero full random urandom tty; do stat -c "%n %t:%T %d:%i" /dev/$n; touch /dev/$n || echo kept; done
                echo x >/dev/null; head -c 2 /dev/zero | wc -c
                """)
            RuntimeUserTests.isolate(bundle, users == .mapped ? RuntimeUserTests.shifted : RuntimeRootlessTests.own)
            let host = try succeed([
                "stat", "-c", "%n %t:%T %d:%i", "/dev/null", "/dev/zero", "/dev/random", "/dev/tty",
            ])
            if users == .mapped {
                let result = try bundle.run()
                for line in host.split(separator: "\n") { #expect(!result.lines.contains(String(line)), "\(result)") }
                #expect(result.lines.last == "2", "\(result)")
                return
            }
            bundle.edit("linux") { $0["resources"] = nil }
            bundle.config["mounts"] = (bundle.config["mounts"] as? [Bundle.Document] ?? []).map { mount in
                var mount = mount
                mount["options"] = (mount["options"] as? [String])?.filter { $0 != "gid=5" }
                return mount
            }
            try bundle.write()
            try succeed(["chown", "-R", "\(OrdinaryUser.uid):\(OrdinaryUser.uid)", bundle.directory])
            let result = try OrdinaryUser().run(
                [Bundle.runtime, "run", "--bundle", bundle.directory, bundle.id], in: bundle.directory)
            #expect(result.lines.filter { $0 == "kept" }.count == 6 && result.lines.last == "2", "\(result)")
        }

        /// A container without a null device of its own gets one that is not the host's for the streams that its caller has none for.
        @Test(arguments: [false, true]) func streamsAreNotTheHostsNode(ownUsers: Bool) throws {
            let bundle = try Bundle("stat -L -c '%t:%T %d:%i' /proc/self/fd/0; exec sleep 600")
            for path in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            bundle.add(mount: "/dev", type: "bind", source: bundle.volume("dev"), ["rbind"])
            if ownUsers { RuntimeUserTests.isolate(bundle) }
            let host = try Self.host()
            try bundle.start()
            var log = ""
            try eventually("it has looked") {
                log = try Programs.text(bundle.directory + "/detached.log")
                return log.hasSuffix("\n")
            }
            #expect(log.hasPrefix("1:3 ") && !log.contains(host), "\(log)")
            let result = try command(
                ["sh", "-c", #"exec "$@" </dev/null"#, "sh", Bundle.runtime, "--root", bundle.state, "exec", bundle.id]
                    + ["stat", "-L", "-c", "%t:%T %d:%i", "/proc/self/fd/0"])
            #expect(result.out.hasPrefix("1:3 ") && !result.out.contains(host), "\(result)")
        }

        /// CVE-2026-88265: what /dev/null leads to is neither a standard stream nor given to the user.
        @Test(arguments: ["file", "pipe"]) func aLinkInPlaceOfIt(leadsTo name: String) throws {
            let script = "stat -L -c '%F %t:%T' /proc/self/fd/0"
            let bundle = try Bundle(script + "; exec sleep 600")
            let canary = try bundle.canary()
            mkfifo(canary + "/pipe", 0o600)
            bundle.edit("process") { $0["user"] = ["uid": 1000, "gid": 1000] }
            let devices = bundle.volume("dev")
            symlink("/canary/" + name, devices + "/null")
            for path in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { bundle.drop(mount: path) }
            bundle.add(mount: "/dev", type: "bind", source: devices, ["rbind"])
            bundle.add(mount: "/canary", type: "bind", source: canary, ["rbind"])
            let before = try succeed(["stat", "-c", "%n %u:%g %a", canary + "/file", canary + "/pipe"])
            try bundle.start()
            try eventually("it has looked") {
                try Programs.text(bundle.directory + "/detached.log") == "character special file 1:3\n"
            }
            let result = try command(
                ["sh", "-c", #"exec "$@" </dev/null"#, "sh", Bundle.runtime, "--root", bundle.state, "exec"]
                    + ["--user", "1000:1000", bundle.id, "sh", "-c", script])
            #expect(result.out == "character special file 1:3\n", "\(result)")
            #expect(try succeed(["stat", "-c", "%n %u:%g %a", canary + "/file", canary + "/pipe"]) == before)
        }
    }
}
