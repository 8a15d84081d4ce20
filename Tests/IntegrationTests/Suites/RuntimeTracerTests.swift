import Foundation
import Glibc
import Testing

extension Bundle {
    /// Lets the container run `tracer.py` with the host's Python, and trace whatever it sees.
    func trace(_ canary: String, _ secret: String) throws {
        try succeed(["cp", Programs.fixtures + "/tracer.py", root])
        // Not in the bundle's configuration, which the runtime has in memory.
        try secret.write(toFile: root + "/secret", atomically: false, encoding: .utf8)
        for name in ["lib", "lib64"] { symlink("usr/" + name, root + "/" + name) }
        mkdir(root + "/usr", 0o755)
        add(mount: "/usr", type: "bind", source: "/usr", ["rbind", "ro"])
        edit("process") { process in
            process["args"] = ["/usr/bin/python3", "/tracer.py", canary]
            var sets = process["capabilities"] as? Document ?? [:]
            for set in ["bounding", "effective", "permitted"] {
                sets[set] = (sets[set] as? [String] ?? []) + ["CAP_SYS_PTRACE"]
            }
            process["capabilities"] = sets
        }
    }

    var said: String { (try? Programs.text(directory + "/detached.log")) ?? "" }

    /// Everything that the tracer found.
    func endTrace() throws -> (stopped: Int, leaks: Set<String>) {
        try "".write(toFile: root + "/stop", atomically: false, encoding: .utf8)
        try eventually("the tracer has ended") { self.said.contains("looked\n") }
        let lines = said.split(separator: "\n").map(String.init)
        return (lines.filter { $0.hasPrefix("stopped") }.count, Set(lines.filter { $0.hasPrefix("leak") }))
    }
}

extension Integration {
    /// A container with CAP_SYS_PTRACE may stop and read whatever is in its process namespace, undumpable or not: what appears
    /// there must have nothing of the host.
    @Suite(.serialized, .enabled(if: Bundle.isGantry, "a runtime that leaves something harms the machine"))
    struct RuntimeTracerTests {
        private let secret = "secret-of-the-caller-\(UInt32.random(in: 0 ... .max))"

        private func tracer(_ edit: (Bundle) -> Void = { _ in }) throws -> Bundle {
            let bundle = try Bundle()
            try bundle.trace(bundle.canary() + "/file", secret)
            edit(bundle)
            try bundle.start()
            try eventually("the tracer looks") { bundle.said.contains("looking\n") }
            return bundle
        }

        private func filter(_ bundle: Bundle) {
            bundle.edit("linux") {
                $0["seccomp"] =
                    [
                        "defaultAction": "SCMP_ACT_ALLOW",
                        "syscalls": [["names": ["unshare"], "action": "SCMP_ACT_ERRNO"] as Bundle.Document],
                    ] as Bundle.Document
            }
        }

        @Test(arguments: ["plain", "terminal", "filter", "filter and no new privileges"])
        func execShowsNothingOfTheHost(_ kind: String) throws {
            let bundle = try tracer { bundle in
                if kind.hasPrefix("filter") { filter(bundle) }
                bundle.edit("process") { $0["noNewPrivileges"] = kind.contains("new") }
            }
            let flags = kind == "terminal" ? ["--tty"] : []
            for _ in 0..<60 {
                let result = try bundle.runtime(
                    ["exec"] + flags + [bundle.id, "true"], environment: ["SECRET": secret])
                #expect(result.status == 0, "\(result)")
                #expect(!result.err.contains("forged"), "\(result)")
            }
            let (stopped, leaks) = try bundle.endTrace()
            #expect(leaks.isEmpty, "\(stopped) processes were stopped")
        }

        /// A container that joins the process namespace of another one.
        @Test(arguments: [false, true]) func joiningContainersShowNothingOfTheHost(isFiltered: Bool) throws {
            let bundle = try tracer()
            let pid = try #require(try bundle.member("pid") as? Int)
            var joining: [Bundle] = []
            for _ in 0..<12 {
                let other = try Bundle("true")
                other.namespaces {
                    $0.map {
                        $0["type"] as? String == "pid" ? ["type": "pid", "path": "/proc/\(pid)/ns/pid"] : $0
                    }
                }
                if isFiltered { filter(other) }
                let created = try other.runtime(
                    ["create", "--bundle", other.directory, other.id], environment: ["SECRET": secret])
                #expect(created.status == 0, "\(created)")
                joining.append(other)
            }
            for other in joining { #expect(try other.runtime(["start", other.id]).status == 0) }
            let leaks = try bundle.endTrace().leaks.filter { !$0.hasPrefix("leak namespace") }
            #expect(leaks.isEmpty)
        }

        /// What it needs after its filter is loaded, and the filter forbids: an error, where somebody could trace it until then.
        @Test func refusesAFilterThatComesTooLate() throws {
            for traces in [true, false] {
                let bundle = try Bundle("sleep 600")
                bundle.edit("process") { process in
                    process["noNewPrivileges"] = false
                    guard traces else { return }
                    var sets = process["capabilities"] as? Bundle.Document ?? [:]
                    sets["bounding"] = (sets["bounding"] as? [String] ?? []) + ["CAP_SYS_PTRACE"]
                    process["capabilities"] = sets
                }
                bundle.edit("linux") {
                    $0["seccomp"] =
                        [
                            "defaultAction": "SCMP_ACT_ALLOW",
                            "syscalls": [["names": ["setsid"], "action": "SCMP_ACT_ERRNO"] as Bundle.Document],
                        ] as Bundle.Document
                }
                try bundle.start()
                let result = try bundle.exec([], "true")
                #expect(result.status == (traces ? 255 : 0), "\(result)")
                if traces { #expect(result.err.contains("the seccomp filter forbids setsid"), "\(result)") }
            }
        }
    }
}
