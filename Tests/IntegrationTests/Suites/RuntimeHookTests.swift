import Foundation
import Glibc
import Testing

extension Bundle {
    /// A hook that appends a line to `log` of the bundle: `kind` and what the shell makes of `words`.
    func hook(_ kind: String, _ script: String, timeout: Int? = nil) {
        edit("hooks") { hooks in
            var list = hooks[kind] as? [Document] ?? []
            var hook: Document = [
                "path": kind == "startContainer" ? "/bin/sh" : "/bin/busybox",
                "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin", "KIND=" + kind],
            ]
            hook["timeout"] = timeout
            list.append(hook)
            hooks[kind] = list
        }
    }

    /// Lines that hooks wrote.
    var log: [String] {
        ((try? Programs.text(directory + "/log")) ?? "").split(separator: "\n").map(String.init)
    }
}

extension Integration {
    @Suite(.serialized)
    struct RuntimeHookTests {
        private static let kinds = [
            "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
        ]

        /// Every kind, in order, in its namespaces, with the state of its moment.
        @Test func everyKindInItsPlace() throws {
            let bundle = try Bundle("echo program >/hooklog/log; sleep 100")
            bundle.config["annotations"] = ["com.example.key": "value"]
            bundle.add(mount: "/hooklog", type: "bind", source: bundle.directory, ["bind"])
            for kind in Self.kinds {
                // The container's own sees the host's directory at another place.
                let directory = kind == "startContainer" ? "/hooklog" : bundle.directory
                bundle.hook(
                    kind,
                    """
                    cat >\(directory)/state-$KIND; echo >>\(directory)/state-$KIND
                    echo $KIND $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/uts) >>\(directory)/log
                    env | sort | tr '\\n' ' ' >\(directory)/env-$KIND
                    """)
            }
            // The program writes over the log of what came before it; what that was is kept.
            bundle.hook("startContainer", "cp /hooklog/log /hooklog/before")
            let host =
                "\(try succeed(["readlink", "/proc/self/ns/mnt"])) \(try succeed(["readlink", "/proc/self/ns/uts"]))"
            #expect(try bundle.runtime(["create", "--bundle", bundle.directory, bundle.id]).status == 0)
            let created = bundle.log
            // runc 1.1.5 runs poststart before the program is started.
            let early = Bundle.isGantry ? [] : ["poststart"]
            #expect(
                created.map { String($0.split(separator: " ")[0]) } == Self.kinds.prefix(3) + early)
            #expect(created.prefix(2).allSatisfy { $0.contains(host) })
            #expect(!created[2].contains(host))
            let document = try JSONSerialization.jsonObject(
                with: Data(try bundle.runtime(["state", bundle.id]).out.utf8))
            let pid = try #require((document as? [String: Any])?["pid"] as? Int)
            #expect(try bundle.runtime(["start", bundle.id]).status == 0)
            try eventually("the program") { bundle.log.first == "program" || bundle.log.last == "program" }
            let before = try Programs.text(bundle.directory + "/before").split(separator: "\n").map(String.init)
            let last = before[3 + early.count]
            #expect(last.hasPrefix("startContainer "))
            // The same namespaces as the hook before it.
            #expect(last.split(separator: " ").dropFirst() == created[2].split(separator: " ").dropFirst())
            #expect(try bundle.runtime(["delete", "--force", bundle.id]).status == 0)
            #expect(bundle.log.last?.hasPrefix("poststop \(host)") == true)
            #expect(Programs.exists(bundle.directory + "/state-poststart"))
            let expected: [String: (String, Int)] = [
                "prestart": ("created", pid), "createRuntime": ("created", pid), "createContainer": ("created", 1),
                "startContainer": ("created", 1), "poststart": ("running", pid), "poststop": ("stopped", 0),
            ]
            for kind in Self.kinds {
                let text = try Programs.text(bundle.directory + "/state-" + kind)
                let state = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
                let (status, process) = try #require(expected[kind])
                // runc 1.1.5 says `creating` of what is created.
                if Bundle.isGantry || kind == "poststop" { #expect(state["status"] as? String == status, "\(kind)") }
                #expect(state["pid"] as? Int ?? 0 == process, "\(kind)")
                #expect(state["id"] as? String == bundle.id && state["bundle"] as? String == bundle.directory)
                #expect((state["annotations"] as? [String: String])?["com.example.key"] == "value")
                #expect(state["ociVersion"] is String)
                if Bundle.isGantry {
                    #expect(
                        Set(state.keys).isSubset(of: ["ociVersion", "id", "status", "pid", "bundle", "annotations"]))
                }
                let environment = try Programs.text(bundle.directory + "/env-" + kind).split(separator: " ")
                #expect(
                    environment.filter { !$0.hasPrefix("PWD=") && !$0.hasPrefix("SHLVL=") && !$0.hasPrefix("OLDPWD=") }
                        == ["KIND=\(kind)", "PATH=/bin:/usr/bin"])
            }
        }

        /// What is done early for a container without hooks has not been done to them: the network is up, /proc is not protected
        /// yet, and they have the runtime's capabilities.
        @Test func hooksComeBeforeTheConfinement() throws {
            let look = "grep -c 127.0.0.1 /proc/self/net/fib_trie; grep CapBnd /proc/self/status"
            let bundle = try Bundle(look)
            bundle.edit("linux") { $0["readonlyPaths"] = ["/proc/sys"] }
            bundle.hook(
                "createContainer",
                "(\(look); grep -c '\(bundle.root)/proc ' /proc/self/mountinfo; grep -c '\(bundle.root)/proc/sys ' /proc/self/mountinfo; true)"
                    + " >>\(bundle.directory)/log")
            let result = try bundle.run()
            let own = try Programs.text("/proc/self/status").split(separator: "\n").first { $0.hasPrefix("CapBnd") }
            #expect(bundle.log == ["2", String(try #require(own)), "1", "0"], "\(result)")
            let inside = result.out.split(separator: "\n")
            #expect(inside.first == "2" && inside.last?.hasPrefix("CapBnd") == true && inside.last != own, "\(result)")
        }

        /// What hooks see of the root: made and mounted at its own path, in the mount namespace of the container.
        @Test func hooksSeeTheRootBeforeItIsEntered() throws {
            let bundle = try Bundle("cat /added")
            bundle.hook(
                "createRuntime",
                """
                pid=$(tr , '\\n' | sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p')
                nsenter -t $pid -m -- grep -c " \(bundle.root)/dev " /proc/$pid/mountinfo >>\(bundle.directory)/log
                """)
            bundle.hook(
                "createContainer", "pwd >>\(bundle.directory)/log; echo text >added; test -e \(bundle.root)/proc/self")
            let result = try bundle.run()
            #expect(result.out == "text\n", "\(result)")
            #expect(bundle.log == ["1", bundle.root])
        }

        /// Without an environment of its own a hook of the host has the runtime's, never the container's, which could have
        /// it load files of the image (CVE-2025-23266); one of the container has the container's.
        @Test(arguments: kinds) func withoutAnEnvironment(_ kind: String) throws {
            let bundle = try Bundle("sleep 600")
            bundle.edit("process") { $0["env"] = ["PATH=/bin", "LD_PRELOAD=/evil.so", "SIDE=inside"] }
            bundle.add(mount: "/hooklog", type: "bind", source: bundle.directory, ["bind"])
            let isInside = kind == "startContainer"
            let file = (isInside ? "/hooklog" : bundle.directory) + "/env"
            for env in [nil, [String]()] {
                var hook: Bundle.Document = [
                    "path": "/bin/busybox", "args": ["busybox", "sh", "-c", "env >>\(file); echo end >>\(file)"],
                ]
                hook["env"] = env
                bundle.edit("hooks") { $0[kind] = ($0[kind] as? [Bundle.Document] ?? []) + [hook] }
            }
            let script = #"exec "$@" </dev/null >/dev/null 2>&1"#
            try bundle.write()
            try succeed(
                ["sh", "-c", script, "sh", Bundle.runtime, "--root", bundle.state, "run", "--detach", "--bundle"]
                    + [bundle.directory, bundle.id], environment: ["SIDE": "outside"])
            try succeed(
                [Bundle.runtime, "--root", bundle.state, "delete", "--force", bundle.id],
                environment: ["SIDE": "outside"])
            let parts = try Programs.text(bundle.directory + "/env").components(separatedBy: "end\n")
            let inherited = Set(parts[0].split(separator: "\n"))
            // runc's createContainer has the container's.
            guard Bundle.isGantry || kind != "createContainer" else { return }
            #expect(inherited.contains(isInside ? "SIDE=inside" : "SIDE=outside"))
            #expect(inherited.contains("LD_PRELOAD=/evil.so") == isInside)
            #expect(!parts[1].contains("SIDE="))
        }

        /// A container whose hook fails is not made; what came before is told of its end.
        @Test(arguments: ["prestart", "createRuntime", "createContainer"])
        func failureStopsCreation(_ kind: String) throws {
            let bundle = try Bundle("touch /ran")
            bundle.hook(kind, "echo told; echo reason >&2; exit 3")
            bundle.hook(kind, "touch \(bundle.directory)/second")
            bundle.hook("poststop", "echo poststop >>\(bundle.directory)/log")
            let result = try bundle.run()
            #expect(result.status == 1)
            #expect(result.err.contains("hook #0") && result.err.contains("exit status 3"))
            #expect(result.err.contains("reason") && result.out == "")
            #expect(!Programs.exists(bundle.directory + "/second") && !Programs.exists(bundle.root + "/ran"))
            #expect(bundle.log == ["poststop"])
            #expect(try bundle.runtime(["state", bundle.id]).status == 1)
        }

        @Test func failureInTheContainerStopsIt() throws {
            let bundle = try Bundle("touch /ran")
            bundle.hook("startContainer", "exit 3")
            bundle.hook("poststop", "echo poststop >>\(bundle.directory)/log")
            let result = try bundle.run()
            #expect(result.status != 0 && result.err.contains("hook #0"))
            #expect(!Programs.exists(bundle.root + "/ran"))
            #expect(bundle.log == ["poststop"])
        }

        /// What has happened is not undone: a warning, and the next one.
        @Test(.enabled(if: Bundle.isGantry)) func failuresAfterTheFactAreWarnings() throws {
            let bundle = try Bundle("echo ran")
            for kind in ["poststart", "poststop"] {
                bundle.hook(kind, "exit 4")
                bundle.hook(kind, "echo $KIND >>\(bundle.directory)/log")
            }
            let result = try bundle.run()
            #expect(result.status == 0 && result.out == "ran\n")
            #expect(result.err.contains("poststart hook #0") && result.err.contains("poststop hook #0"))
            #expect(bundle.log == ["poststart", "poststop"])
        }

        @Test(arguments: ["createRuntime", "createContainer", "startContainer"])
        func timeouts(_ kind: String) throws {
            let bundle = try Bundle("touch /ran")
            bundle.hook(kind, "exec sleep 1000", timeout: 1)
            let result = try bundle.run()
            #expect(result.status != 0)
            #expect(!Programs.exists(bundle.root + "/ran"))
            if Bundle.isGantry { #expect(result.err.contains("ran for more than 1 s")) }
        }

        /// A changed bundle does not change a container that was created.
        @Test func hooksAreThoseOfTheCreation() throws {
            let bundle = try Bundle("sleep 100")
            bundle.hook("poststop", "echo first >>\(bundle.directory)/log")
            #expect(try bundle.runtime(["create", "--bundle", bundle.directory, bundle.id]).status == 0)
            bundle.config["hooks"] = nil
            bundle.hook("poststop", "echo second >>\(bundle.directory)/log")
            #expect(try bundle.runtime(["start", bundle.id]).status == 0)
            unlink(bundle.directory + "/config.json")
            try succeed([Bundle.runtime, "--root", bundle.state, "delete", "--force", bundle.id])
            #expect(bundle.log == ["first"])
        }

        @Test(.enabled(if: Bundle.isGantry), arguments: ["relative", ""])
        func refusesWhatIsNoPath(_ path: String) throws {
            let bundle = try Bundle()
            bundle.config["hooks"] = ["createRuntime": [["path": path]]]
            let result = try bundle.run()
            #expect(result.status == 1 && result.err.contains("must be absolute"))
            bundle.config["hooks"] = ["createRuntime": [["path": "/bin/true", "timeout": 0]]]
            #expect(try bundle.run().err.contains("must be above 0"))
            bundle.config["hooks"] = ["createRuntime": [["path": "/no/such/hook"]]]
            #expect(try bundle.run().err.contains("(/no/such/hook): no such file or directory"))
        }
    }
}
