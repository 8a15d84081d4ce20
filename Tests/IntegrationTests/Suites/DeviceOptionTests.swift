import Foundation
import Testing

extension Integration {
    /// Devices of the host in containers: the node, and what the cgroup allows with it.
    @Suite(.daemon, .serialized) struct DeviceOptions {
        /// A node of /dev/fuse: nobody has it unasked, and it can be opened without anything else.
        private static func withNodes(_ body: (String) throws -> Void) throws {
            let scratch = try Scratch("devices")
            try succeed([
                "sh", "-c",
                """
                cd "$1" && mkdir -p all/below && mknod -m 666 fuse c 10 229 && mknod -m 640 all/one c 10 229 &&
                mknod all/below/two c 1 5 && mknod all/fifo p && ln -s ../fuse all/link && ln -s fuse link && echo x >all/file
                """, "sh", scratch.path,
            ])
            try body(scratch.path)
        }

        /// `r` and `w` for what the open was allowed.
        private static func opens(_ path: String) -> String {
            "(exec 3<\(path)) 2>/dev/null && echo r; (exec 3>\(path)) 2>/dev/null && echo w; true"
        }

        private func inside(_ flags: [String], _ script: String, _ client: Client = .docker) throws -> [String] {
            try daemon.run(client, ["run", "--rm"] + flags + ["busybox", "sh", "-c", script]).lines
        }

        @Test(arguments: Client.all)
        func devicesCanBeOpened(client: Client) throws {
            try Self.withNodes { place in
                for (suffix, expected) in [
                    ("", ["r", "w"]), (":rwm", ["r", "w"]), (":r", ["r"]), (":w", ["w"]), (":m", []),
                ] {
                    let flags = ["--device", "\(place)/fuse:/dev/mine\(suffix)"]
                    #expect(try inside(flags, Self.opens("/dev/mine"), client) == expected, "\(suffix)")
                }
                let script = "stat -c '%t:%T %a' /dev/mine; " + Self.opens("/dev/mine")
                let linked = try inside(["--device", "\(place)/link:/dev/mine"], script, client)
                #expect(linked == ["a:e5 666", "r", "w"])
                // Nothing else is open because of it.
                let others = "mknod /dev/kmsg c 1 11; " + Self.opens("/dev/kmsg")
                #expect(try inside(["--device", "\(place)/fuse"], others, client) == [])
            }
        }

        @Test func directoriesOfDevices() throws {
            try Self.withNodes { place in
                let script = "cd /dev/many; find . ! -type d | sort; stat -c %a one; " + Self.opens("one")
                let found = try inside(["--device", "\(place)/all:/dev/many:r"], script)
                #expect(found == ["./below/two", "./one", "640", "r"])
            }
        }

        @Test(arguments: Client.all)
        func cgroupRules(client: Client) throws {
            let script = "mknod /dev/mine c 10 229; mknod /dev/kmsg c 1 11; echo; "
            for (rule, expected, other) in [
                ("c 10:229 rw", ["r", "w"], false), ("c 10:229 r", ["r"], false), ("c 10:* w", ["w"], false),
                ("c *:* rwm", ["r", "w"], true), ("a *:* rwm", ["r", "w"], true),
                // Version 1 reads no further than the letter, and would allow everything.
                ("a 10:229 r", ["r"], false), ("a *:229 r", ["r"], false), ("b *:* rwm", [], false),
            ] {
                let flags = ["--device-cgroup-rule", rule, "--cap-add", "SYSLOG"]
                #expect(try inside(flags, script + Self.opens("/dev/mine"), client) == expected, "\(rule)")
                let opened = try inside(flags, script + "(exec 3</dev/kmsg) 2>/dev/null && echo r", client)
                #expect(opened == (other ? ["r"] : []), "\(rule)")
            }
            #expect(try inside([], script + Self.opens("/dev/mine"), client) == [])
        }

        @Test func inspectShowsThem() throws {
            try Self.withNodes { place in
                let id = try daemon.ok(
                    .docker, "create", "--device", "\(place)/fuse:/dev/mine:rw", "--device-cgroup-rule", "c 1:11 r",
                    "busybox", "true")
                #expect(
                    try daemon.ok(
                        .docker, "inspect", "-f", "{{json .HostConfig.Devices}} {{.HostConfig.DeviceCgroupRules}}", id)
                        == #"[{"PathOnHost":"\#(place)/fuse","PathInContainer":"/dev/mine","CgroupPermissions":"rw"}] [c 1:11 r]"#
                )
                try daemon.ok(.docker, "rm", id)
            }
        }

        @Test func refusesWhatIsNoDevice() throws {
            try Self.withNodes { place in
                for (path, why) in [
                    ("\(place)/nosuch", "no such file or directory"), ("\(place)/all/file", "not a device node"),
                    ("\(place)/all/fifo", "not a device node"),
                ] {
                    let result = try daemon.run(.docker, "create", "--device", path, "busybox", "true")
                    let text = "error gathering device information while adding custom device \"\(path)\": \(why)"
                    #expect(result.status == 1 && result.err.contains(text), "\(result)")
                }
                for rule in ["x 1:3 r", "c 1:3", "c 1 r", "c 1:3 rx", "c -1:3 r", "c 1:3  r", "c 99999999999:1 r", ""] {
                    let body = #"{"Image":"busybox","Cmd":["true"],"HostConfig":{"DeviceCgroupRules":["\#(rule)"]}}"#
                    let (status, answer) = try daemon.request("POST", "/v1.41/containers/create", body: body)
                    #expect(status == 400 && answer.contains("device cgroup rule format: '\(rule)'"), "\(answer)")
                }
                let mapping = #"{"PathOnHost":"\#(place)/fuse","PathInContainer":"/dev/mine","CgroupPermissions":"rx"}"#
                let body = #"{"Image":"busybox","Cmd":["true"],"HostConfig":{"Devices":[\#(mapping)]}}"#
                #expect(try daemon.request("POST", "/v1.41/containers/create", body: body).status == 400)
            }
        }

        /// Without version 1 the rules are a program in the kernel; and what this hierarchy cannot limit is told in Docker's words.
        @Test(.enabled(if: Programs.isGantry)) func onVersion2() throws {
            let gantry = Client.gantry.program
            try Self.withNodes { place in
                let script = """
                    set -e; ip link set lo up
                    umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
                    for place in /run /var/lib /var/log; do mount -t tmpfs none $place; done
                    unset DOCKER_HOST GANTRY_HOST
                    \(gantry) import \(BusyboxImage.tar) busybox >/dev/null
                    run() { \(gantry) run --rm --network none "$@"; }
                    run --device \(place)/fuse:/dev/mine:r busybox sh -c '\(Self.opens("/dev/mine"))'
                    run busybox sh -c 'mknod /dev/mine c 10 229; \(Self.opens("/dev/mine"))'; echo then
                    run --device-cgroup-rule 'c 10:229 w' busybox sh -c 'mknod /dev/mine c 10 229; \(Self.opens("/dev/mine"))'
                    \(gantry) create --name limited --network none --memory-swappiness 10 --blkio-weight 300 \
                      --device-read-bps /dev/vda:1mb --oom-kill-disable busybox true 2>&1 >/dev/null
                    \(gantry) inspect -f '{{.HostConfig.MemorySwappiness}} {{.HostConfig.BlkioWeight}} {{.HostConfig.BlkioDeviceReadBps}}' limited
                    kill $(cat /run/gantry/gantryd.pid); while [ -e /run/gantry/gantryd.pid ]; do sleep 0.05; done
                    """
                let result = try command(["unshare", "-mn", "--propagation", "private", "sh", "-c", script])
                let not = "WARNING: Your kernel does not support"
                #expect(
                    result.lines == [
                        "r", "then", "w",
                        "\(not) memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
                        "\(not) OomKillDisable. OomKillDisable discarded.",
                        "\(not) Block I/O weight or the cgroup is not mounted. Weight discarded.",
                        "\(not) BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.",
                        "<nil> 0 []",
                    ], "\(result)")
            }
        }
    }
}
