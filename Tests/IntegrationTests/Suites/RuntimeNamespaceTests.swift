import Foundation
import Glibc
import Testing

extension Integration {
    /// Every kind of namespace: new, joined by path, and the caller's.
    @Suite struct RuntimeNamespaceTests {
        static let files = [
            "mount": "mnt", "pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup",
            "user": "user", "time": "time",
        ]

        /// runc has it from 1.2 on.
        static let time = Bundle.isGantry ? ["time"] : []

        private func namespaces(_ bundle: Bundle, _ change: ([Bundle.Document]) -> [Bundle.Document]) {
            bundle.config["hostname"] = nil
            bundle.namespaces(change)
        }

        private func own(_ file: String) throws -> String {
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(file)")
        }

        @Test(arguments: ["pid", "network", "ipc", "uts", "cgroup"] + time)
        func newOrTheCallers(_ type: String) throws {
            let file = try #require(Self.files[type])
            let bundle = try Bundle("readlink /proc/self/ns/\(file)")
            namespaces(bundle) { $0.filter { $0["type"] as? String != type } + [["type": type]] }
            let new = try bundle.run()
            let own = try own(file)
            #expect(new.status == 0 && new.trimmed != own, "\(new)")
            namespaces(bundle) { $0.filter { $0["type"] as? String != type } }
            let shared = try bundle.run()
            #expect(shared.trimmed == own, "\(shared)")
        }

        @Test(arguments: ["mount", "pid", "network", "ipc", "uts", "cgroup"] + time)
        func joinedByPath(_ type: String) throws {
            let file = try #require(Self.files[type])
            let flag = ["network": "net"][type] ?? type
            let holder = try Child([
                "unshare", "--\(flag)", "--fork", "--kill-child", "sh", "-c", "echo ready; exec sleep 600",
            ])
            defer { holder.signal(SIGKILL) }
            try holder.expect("ready")
            let children = try Programs.text("/proc/\(holder.pid)/task/\(holder.pid)/children")
            let inner = children.split(separator: " ").first.map(String.init) ?? ""
            let path = "/proc/\(inner)/ns/\(file)"
            let wanted = try FileManager.default.destinationOfSymbolicLink(atPath: path)
            let bundle = try Bundle("readlink /proc/self/ns/\(file)")
            namespaces(bundle) { $0.filter { $0["type"] as? String != type } + [["type": type, "path": path]] }
            let result = try bundle.run()
            #expect(result.trimmed == wanted, "\(result)")
        }

        @Test func refusesAPathOfAnotherKind() throws {
            let bundle = try Bundle("true")
            namespaces(bundle) {
                $0.filter { $0["type"] as? String != "ipc" } + [["type": "ipc", "path": "/proc/self/ns/uts"]]
            }
            #expect(try bundle.run().status == 1)
        }

        @Test func refusesDuplicatesAndUnknownKinds() throws {
            let bundle = try Bundle("true")
            namespaces(bundle) { $0 + [["type": "pid"]] }
            #expect(try bundle.run().status == 1)
            namespaces(bundle) { $0.dropLast() + [["type": "space"]] }
            #expect(try bundle.run().status == 1)
        }

        /// runc before 1.2 has no time namespaces.
        @Test(.enabled(if: Bundle.isGantry)) func clocksStartElsewhere() throws {
            let bundle = try Bundle("cat /proc/uptime; cat /proc/self/timens_offsets")
            namespaces(bundle) { $0 + [["type": "time"]] }
            bundle.edit("linux") {
                $0["timeOffsets"] = ["boottime": ["secs": 1_000_000], "monotonic": ["secs": 500, "nanosecs": 7]]
            }
            let result = try bundle.run()
            #expect(Double(result.out.split(separator: " ").first ?? "") ?? 0 > 1_000_000, "\(result)")
            let offsets = result.lines.dropFirst().map { $0.split(separator: " ").map(String.init) }
            #expect(offsets == [["monotonic", "500", "7"], ["boottime", "1000000", "0"]], "\(result)")
            namespaces(bundle) { $0.filter { $0["type"] as? String != "time" } }
            #expect(try bundle.run().status == 1)
        }

        /// The program and everything an exec starts see the same namespaces.
        @Test(.enabled(if: Bundle.isGantry)) func execJoinsThemAll() throws {
            let list = "for file in mnt pid net ipc uts cgroup time; do readlink /proc/self/ns/$file; done"
            let bundle = try Bundle("\(list) >/tmp/own; sleep 600")
            namespaces(bundle) { $0 + [["type": "time"]] }
            try bundle.start()
            try eventually("the container wrote its namespaces") {
                (try? Programs.text(bundle.root + "/tmp/own").split(separator: "\n").count) == 7
            }
            let result = try bundle.exec([], "sh", "-c", list)
            let own = try Programs.text(bundle.root + "/tmp/own")
            #expect(result.out == own, "\(result)")
        }

        /// A hook runs where the runtime runs, also when the container's processes are in a namespace that was joined.
        @Test func hooksStayOutside() throws {
            let holder = try Child([
                "unshare", "--pid", "--fork", "--kill-child", "sh", "-c", "echo ready; exec sleep 600",
            ])
            defer { holder.signal(SIGKILL) }
            try holder.expect("ready")
            let inner = try Programs.text("/proc/\(holder.pid)/task/\(holder.pid)/children").split(separator: " ")[0]
            let bundle = try Bundle("true")
            namespaces(bundle) {
                $0.filter { $0["type"] as? String != "pid" } + [["type": "pid", "path": "/proc/\(inner)/ns/pid"]]
            }
            let out = bundle.directory + "/seen"
            bundle.config["hooks"] = [
                "prestart": [["path": "/bin/sh", "args": ["sh", "-c", "readlink /proc/self/ns/pid >\(out)"]]]
            ]
            #expect(try bundle.run().status == 0)
            #expect(try Programs.text(out) == own("pid") + "\n")
        }
    }
}
