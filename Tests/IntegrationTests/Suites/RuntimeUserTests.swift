import Foundation
import Glibc
import Testing

extension Integration {
    /// User namespaces, and running without privileges at all.
    @Suite struct RuntimeUserTests {
        static var shifted: [Bundle.Document] { [["containerID": 0, "hostID": 100_000, "size": 65536]] }

        static func isolate(_ bundle: Bundle, _ mappings: [Bundle.Document] = shifted) {
            bundle.edit("linux") { linux in
                linux["namespaces"] = (linux["namespaces"] as? [Bundle.Document] ?? []) + [["type": "user"]]
                linux["uidMappings"] = mappings
                linux["gidMappings"] = mappings
            }
            // Mount points are made by the container's root.
            if let first = mappings.first?["hostID"] as? Int { chown(bundle.root, uid_t(first), gid_t(first)) }
        }

        @Test func rootOfTheContainerIsNobodyOutside() throws {
            let bundle = try Bundle(
                """
                cat /proc/self/uid_map; id -u; touch /tmp/mine; stat -c %u /tmp/mine
                echo x > /dev/null; stat -c '%t:%T' /dev/null /dev/zero /dev/random
                mkdir /host/x 2>&1
                """)
            Self.isolate(bundle)
            chown(bundle.root + "/tmp", 100_000, 100_000)
            bundle.add(mount: "/host", type: "bind", source: "/etc", ["rbind"])
            let result = try bundle.run()
            #expect(result.lines.first?.split(separator: " ") == ["0", "100000", "65536"])
            #expect(Array(result.lines.dropFirst().prefix(5)) == ["0", "0", "1:3", "1:5", "1:8"], "\(result)")
            #expect(result.out.contains("Permission denied"), "\(result)")
            var status = stat()
            #expect(stat(bundle.root + "/tmp/mine", &status) == 0 && status.st_uid == 100_000)
        }

        /// A volume whose path only the host's root may walk.
        @Test func bindsWhatItsRootCannotOpen() throws {
            let secret = try Scratch("volume")
            chmod(secret.path, 0o700)
            mkdir(secret.path + "/volume", 0o755)
            _ = try secret.write("inside", to: "volume/file")
            let bundle = try Bundle("cat /volume/file")
            Self.isolate(bundle)
            bundle.add(mount: "/volume", type: "bind", source: secret.path + "/volume", ["rbind", "ro"])
            #expect(try bundle.run().out == "inside")
        }

        @Test func sharesTheHostsNetwork() throws {
            let bundle = try Bundle("ls /sys/class/net; mkdir /sys/fs/cgroup/x; touch /sys/x")
            Self.isolate(bundle)
            bundle.edit("linux") { linux in
                linux["namespaces"] = (linux["namespaces"] as? [Bundle.Document] ?? []).filter {
                    $0["type"] as? String != "network"
                }
            }
            // Neither runc nor the kernel make a sysfs here; the host's is shown instead.
            let result = try bundle.run()
            #expect(result.out.contains("lo"), "\(result)")
            #expect(result.err.components(separatedBy: "Read-only file system").count == 3, "\(result)")
        }

        @Test func execEntersTheUsers() throws {
            let bundle = try Bundle("sleep 600")
            Self.isolate(bundle)
            try bundle.start()
            let result = try bundle.exec([], "sh", "-c", "id -u; cat /proc/self/uid_map; readlink /proc/1/exe")
            #expect(result.lines.first == "0" && result.out.contains("100000"), "\(result)")
            #expect(result.lines.last == "/bin/busybox", "\(result)")
            let user = try bundle.exec(["--user", "1000:1000"], "id")
            #expect(user.out.contains("uid=1000"), "\(user)")
            #expect(try bundle.exec([], "no-such-program").status == 255)
        }

        @Test func joinsTheUsersOfAnother() throws {
            let first = try Bundle("sleep 600")
            Self.isolate(first)
            try first.start()
            let state =
                try JSONSerialization.jsonObject(
                    with: Data(try first.runtime(["state", first.id]).out.utf8)) as? Bundle.Document
            let pid = try #require(state?["pid"] as? Int)
            let kinds = ["user": "user", "network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"]
            let script = kinds.values.sorted().map { "readlink /proc/self/ns/\($0)" }.joined(separator: "; ")
            let second = try Bundle(script)
            second.config["hostname"] = nil
            second.edit("linux") { linux in
                linux["namespaces"] =
                    [["type": "mount"], ["type": "cgroup"]]
                    + kinds.sorted { $0.key < $1.key }.map { ["type": $0.key, "path": "/proc/\(pid)/ns/\($0.value)"] }
            }
            let wanted = try kinds.values.sorted().map {
                try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/\($0)")
            }
            let result = try second.run()
            #expect(result.lines == wanted, "\(result)")
        }

        /// CVE-2021-43784: a length that wraps would put the container on the host's users.
        @Test(arguments: [400, 9000]) func refusesMoreMappingsThanTheKernelTakes(count: Int) throws {
            let bundle = try Bundle("id -u")
            Self.isolate(
                bundle, (0..<count).map { ["containerID": $0 * 2, "hostID": 100_000 + $0 * 2, "size": 1] })
            let result = try bundle.run()
            #expect(result.status != 0 && result.out.isEmpty, "\(result)")
            if Bundle.isGantry { #expect(result.err.contains("\(count) mappings are more"), "\(result)") }
        }

        @Test func refusesNamesThatWouldBeCut() throws {
            for path in ["/proc/1/ns/net\u{0}x", "/" + String(repeating: "n", count: 70000)] {
                let bundle = try Bundle("id -u")
                bundle.edit("linux") { linux in
                    linux["namespaces"] = (linux["namespaces"] as? [Bundle.Document] ?? []).map {
                        $0["type"] as? String == "network" ? ["type": "network", "path": path] : $0
                    }
                }
                let result = try bundle.run()
                #expect(result.status != 0 && result.out.isEmpty)
            }
        }

        @Test func refusesMappingsWithoutANamespace() throws {
            let bundle = try Bundle("id -u")
            bundle.edit("linux") { $0["uidMappings"] = Self.shifted }
            #expect(try bundle.run().status == 1)
        }

        /// As with crun: a namespace without mappings holds the caller alone.
        @Test(.enabled(if: Bundle.isGantry)) func mapsTheCallerWhereNothingIsSaid() throws {
            let bare = try Bundle("cat /proc/self/uid_map")
            Self.isolate(bare, [])
            #expect(try bare.run().out.split(separator: " ").map(String.init) == ["0", "0", "1\n"])
        }
    }
}
