import Foundation
import Glibc
import Testing

extension Integration {
    /// The runtime in the hands of an ordinary user.
    @Suite struct RuntimeRootlessTests {
        static var own: [Bundle.Document] { [["containerID": 0, "hostID": OrdinaryUser.uid, "size": 1]] }
        static var subordinate: [Bundle.Document] { own + [["containerID": 1, "hostID": 200_000, "size": 65536]] }

        private func bundle(_ script: String, _ mappings: [Bundle.Document]) throws -> Bundle {
            let bundle = try Bundle(script)
            RuntimeUserTests.isolate(bundle, mappings)
            bundle.edit("linux") { $0["resources"] = nil }
            if mappings.count == 1 {
                bundle.config["mounts"] = (bundle.config["mounts"] as? [Bundle.Document] ?? []).map { mount in
                    var mount = mount
                    mount["options"] = (mount["options"] as? [String])?.filter { $0 != "gid=5" }
                    return mount
                }
            }
            return bundle
        }

        private func run(_ bundle: Bundle) throws -> Output {
            let user = try OrdinaryUser()
            try bundle.write()
            try succeed(["chown", "-R", "\(OrdinaryUser.uid):\(OrdinaryUser.uid)", bundle.directory])
            return try user.run([Bundle.runtime, "run", "--bundle", bundle.directory, bundle.id], in: bundle.directory)
        }

        @Test func mapsItself() throws {
            let bundle = try bundle("id -u; cat /proc/self/uid_map /proc/self/setgroups; touch /mine", Self.own)
            let result = try run(bundle)
            let words = result.out.split { $0 == " " || $0 == "\n" }.map(String.init)
            #expect(words == ["0", "0", "\(OrdinaryUser.uid)", "1", "deny"], "\(result)")
            var status = stat()
            #expect(stat(bundle.root + "/mine", &status) == 0 && status.st_uid == uid_t(OrdinaryUser.uid))
        }

        @Test func mapsSubordinateUsers() throws {
            let bundle = try bundle(
                "id -u; id -g; cat /proc/self/uid_map; chown 1000:1000 /tmp; ls -ldn /tmp", Self.subordinate)
            let all = ["CAP_CHOWN"]
            bundle.edit("process") { $0["capabilities"] = ["bounding": all, "effective": all, "permitted": all] }
            let result = try run(bundle)
            #expect(result.lines.dropFirst(3).first?.split(separator: " ") == ["1", "200000", "65536"], "\(result)")
            #expect(result.out.contains(" 1000 "), "\(result)")
        }

        @Test func hasAnotherUserInside() throws {
            let bundle = try bundle("id", Self.subordinate)
            bundle.edit("process") { $0["user"] = ["uid": 1000, "gid": 1001] }
            let result = try run(bundle)
            #expect(result.out.contains("uid=1000") && result.out.contains("gid=1001"), "\(result)")
        }

        /// With the single own group the kernel takes setgroups away.
        @Test func refusesGroupsThatCannotBeSet() throws {
            let bundle = try bundle("id", Self.own)
            bundle.edit("process") { $0["user"] = ["uid": 0, "gid": 0, "additionalGids": [7]] as Bundle.Document }
            let result = try run(bundle)
            #expect(result.status == 1 && result.out.isEmpty, "\(result)")
        }

        @Test func refusesUsersOfOthers() throws {
            let bundle = try bundle("id", [["containerID": 0, "hostID": 0, "size": 1]])
            let result = try run(bundle)
            #expect(result.status == 1 && result.out.isEmpty, "\(result)")
            if Bundle.isGantry { #expect(result.err.contains("/etc/subuid"), "\(result)") }
        }

        /// CVE-2023-25809: without a cgroup namespace the user's own cgroups were there to be written.
        @Test func cannotWriteCgroups() throws {
            let bundle = try bundle(
                "for at in $(grep -o '/sys/fs/cgroup[^ ]*' /proc/mounts); do touch $at/x 2>&1 || mkdir $at/x; done",
                Self.own)
            bundle.edit("linux") { linux in
                linux["namespaces"] = (linux["namespaces"] as? [Bundle.Document] ?? []).filter {
                    !["network", "cgroup"].contains($0["type"] as? String)
                }
            }
            var mounts = (bundle.config["mounts"] as? [Bundle.Document] ?? []).filter {
                !($0["destination"] as? String ?? "").hasPrefix("/sys")
            }
            mounts.append([
                "destination": "/sys", "type": "none", "source": "/sys",
                "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
            ])
            bundle.config["mounts"] = mounts
            let result = try run(bundle)
            let lines = result.out.split(separator: "\n")
            #expect(lines.count > 1 && lines.allSatisfy { $0.hasSuffix("Read-only file system") }, "\(result)")
        }

        /// Podman of an ordinary user calls the runtime as root of a user namespace, with the user's directory for its state.
        @Test(.enabled(if: Bundle.isGantry)) func podmanOfAnOrdinaryUser() throws {
            let user = try OrdinaryUser()
            let scratch = try Scratch("rootless-podman")
            for name in ["home", "run"] { mkdir(scratch.path + "/" + name, 0o700) }
            chmod(scratch.path, 0o755)
            // Where an ordinary user finds it, too.
            let runtime = scratch.path + "/gantry-runtime"
            try succeed(["install", "-m", "0755", Bundle.runtime, runtime])
            try succeed(["install", "-m", "0644", BusyboxImage.tar, scratch.path + "/busybox.tar"])
            try succeed([
                "chown", "-R", "\(OrdinaryUser.uid):\(OrdinaryUser.uid)", scratch.path + "/home", scratch.path + "/run",
            ])
            let options = [
                "podman", "--root", scratch.path + "/home/root", "--runroot", scratch.path + "/run/root", "--tmpdir",
                scratch.path + "/run/tmp", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                "--events-backend", "file", "--runtime",
                runtime,
            ].joined(separator: " ")
            let limits = "--network none --ulimit nofile=1000:1000 --ulimit nproc=1000:1000"
            let result = try user.run(
                [
                    "sh", "-c",
                    """
                    export HOME=\(scratch.path)/home TMPDIR=\(scratch.path)/home
                    p='\(options)'
                    $p import \(scratch.path)/busybox.tar busybox >/dev/null 2>$HOME/log || { cat $HOME/log; exit 3; }
                    $p run --rm \(limits) busybox sh -c 'id -u; cat /proc/self/uid_map; exit 7'
                    echo ended $?
                    $p run -d --name a \(limits) busybox sleep 600 >/dev/null || exit 4
                    $p exec --user 5:6 a id; ls $XDG_RUNTIME_DIR/gantry-runtime | wc -l
                    $p rm --force --time 0 a >/dev/null; ls $XDG_RUNTIME_DIR/gantry-runtime | wc -l
                    # Ends the process that holds the user namespace.
                    $p system migrate
                    """,
                ], in: "/")
            let words = result.lines.map { $0.split(separator: " ").joined(separator: " ") }
            #expect(
                words == ["0", "0 \(OrdinaryUser.uid) 1", "1 200000 65536", "ended 7", "uid=5 gid=6", "1", "0"],
                "\(result)")
            try eventually("Podman's own process has ended") {
                try command(["pgrep", "-u", "\(OrdinaryUser.uid)"]).out.isEmpty
            }
            // The files belong to users that only the namespace has.
            try succeed(["rm", "-rf", scratch.path + "/home/root"])
        }

        @Test func execsIntoItsContainer() throws {
            let bundle = try bundle("sleep 600", Self.own)
            let user = try OrdinaryUser()
            try bundle.write()
            try succeed(["chown", "-R", "\(OrdinaryUser.uid):\(OrdinaryUser.uid)", bundle.directory])
            let words = [Bundle.runtime, "--root", bundle.state]
            let log = bundle.directory + "/log"
            let started = try user.run(
                ["sh", "-c", #"log=$1; shift; exec "$@" </dev/null >"$log" 2>&1"#, "sh", log]
                    + words + ["run", "--detach", "--bundle", bundle.directory, bundle.id], in: bundle.directory)
            #expect(started.status == 0, "\(started) \((try? Programs.text(log)) ?? "")")
            let result = try user.run(
                words + ["exec", bundle.id, "sh", "-c", "id -u; hostname; readlink /proc/1/exe"], in: "/")
            #expect(result.lines.first == "0" && result.lines.last == "/bin/busybox", "\(result)")
            #expect(try user.run(words + ["delete", "--force", bundle.id], in: "/").status == 0)
        }
    }
}
