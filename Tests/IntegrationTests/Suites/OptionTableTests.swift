import Foundation
import Glibc
import Testing

extension Integration {
    /// Every field of the API's documents that make containers and execs is in one of three lists: honoured, refused by its
    /// name, or told in the answer's warnings. There is no fourth: nothing is dropped in silence.
    @Suite(.daemon, .enabled(if: Programs.isGantry, "what this release refuses")) struct OptionTable {
        /// Each would be a second line of a file in the container.
        @Test(arguments: [
            #""HostConfig": {"ExtraHosts": ["a:1.2.3.4\n6.6.6.6 evil"]}"#, #""HostConfig": {"Dns": ["1.1.1.1\nx"]}"#,
            #""HostConfig": {"DnsSearch": ["a\nnameserver 6.6.6.6"]}"#, #""HostConfig": {"DnsOptions": ["a\rb"]}"#,
            #""Domainname": "a\n1.1.1.1 evil""#, #""Env": ["A=b\u0000C=d"]"#, #""Entrypoint": ["a\u0000b"]"#,
        ])
        func refusesControlCharacters(members: String) throws {
            let body = #"{"Image": "busybox", "Cmd": ["true"], \#(members)}"#
            let answer = try daemon.request("POST", "/containers/create", body: body)
            #expect(answer.status == 400 && answer.body.contains("cannot be in it"), "\(members): \(answer)")
        }

        @Test func everyFieldHasARow() throws {
            let fields = try Programs.text(Programs.fixtures + "/api_fields.txt").split(separator: "\n").map(
                String.init
            )
            .filter { !$0.hasPrefix("#") }
            var lists: [String: Set<String>] = [:]
            for row in OptionRows.all { lists[row.field, default: []].insert(row.list) }
            #expect(fields.filter { lists[$0] == nil } == [], "fields without a row")
            #expect(lists.keys.filter { !fields.contains($0) }.sorted() == [], "rows without a field")
            #expect(lists.filter { $0.value.count > 1 }.keys.sorted() == [], "fields in two lists")
            #expect(Set(OptionRows.all.map(\.list)) == ["honoured", "answer", "refused", "warned"])
            for row in OptionRows.refused + OptionRows.warned where row.members.isEmpty || row.words.isEmpty {
                Issue.record("\(row.field) has nothing to ask with")
            }
        }

        @Test(arguments: OptionRows.refused)
        func refusesByName(row: OptionRows.Row) throws {
            let (status, answer) = try send(row)
            #expect(status == row.status && answer.contains(row.words), "\(row.field): \(status) \(answer)")
        }

        @Test(arguments: OptionRows.warned)
        func tellsWhatItLeavesOut(row: OptionRows.Row) throws {
            let (status, answer) = try send(row)
            let document = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
            let warnings = document?["Warnings"] as? [String] ?? []
            #expect(status < 300 && warnings.contains { $0.contains(row.words) }, "\(row.field): \(status) \(answer)")
            if let id = document?["Id"] as? String { try daemon.ok(.docker, "rm", id) }
        }

        /// Sends what a row asks for where its field belongs.
        private func send(_ row: OptionRows.Row) throws -> (status: Int, body: String) {
            guard row.field.hasPrefix("Update.") else {
                let rest = #""Image": "busybox", "Cmd": ["true"], "Labels": {"asks": "\#(row.field)"}"#
                return try daemon.request("POST", "/v1.44/containers/create", body: "{\(rest), \(row.members)}")
            }
            let id = try daemon.ok(.docker, "create", "busybox", "true")
            let answer = try daemon.request("POST", "/v1.44/containers/\(id)/update", body: "{\(row.members)}")
            try daemon.ok(.docker, "rm", id)
            return answer
        }

        /// What clients send when nothing was asked: the official command line 28, docker-py 7, Compose 1.29.
        @Test(arguments: OptionRows.defaults)
        func acceptsDefaults(host: String) throws {
            let body = #"{"Image": "busybox", "Cmd": ["true"], \#(host)}"#
            let (status, answer) = try daemon.request("POST", "/v1.44/containers/create", body: body)
            let document = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
            #expect(status == 201 && document?["Warnings"] as? [String] == [], "\(status) \(answer)")
            let id = try #require(document?["Id"] as? String)
            #expect(try daemon.run(.docker, "start", "-a", id).status == 0)
            let update = try daemon.request("POST", "/v1.44/containers/\(id)/update", body: OptionRows.emptyUpdate)
            #expect(update.status == 200 && update.body.contains(#""Warnings":[]"#), "\(update)")
            try daemon.ok(.docker, "rm", id)
        }

        @Test func networkDisabledIsNoNetwork() throws {
            let body = #"{"Image": "busybox", "Cmd": ["ls", "/sys/class/net"], "NetworkDisabled": true}"#
            let create = try daemon.request("POST", "/v1.41/containers/create?name=cut-off", body: body)
            #expect(create.status == 201, "\(create)")
            #expect(try daemon.ok(.docker, "start", "-a", "cut-off") == "lo")
            try daemon.ok(.docker, "rm", "cut-off")
        }

        @Test(arguments: Client.all)
        func noInterProcessCommunication(client: Client) throws {
            let script = "grep -q ' /dev/shm ' /proc/mounts && echo there || echo away"
            #expect(try daemon.ok(client, "run", "--rm", "--ipc", "none", "busybox", "sh", "-c", script) == "away")
            #expect(try daemon.ok(client, "run", "--rm", "--ipc", "private", "busybox", "sh", "-c", script) == "there")
            let shared = try Scratch("shm")
            let name = shared.path.split(separator: "/").last.map(String.init) ?? ""
            try "x".write(toFile: "/dev/shm/" + name, atomically: false, encoding: .utf8)
            defer { unlink("/dev/shm/" + name) }
            #expect(try daemon.ok(client, "run", "--rm", "--ipc", "host", "busybox", "cat", "/dev/shm/" + name) == "x")
        }

        /// What is mounted beneath a bind: not there, or as read-only as the rest, when that was asked for.
        @Test(arguments: Client.all)
        func recursionOfBinds(client: Client) throws {
            let scratch = try Scratch("binds")
            try succeed([
                "sh", "-c", "mkdir $1/below && mount -t tmpfs none $1/below && echo x >$1/below/file", "sh",
                scratch.path,
            ])
            defer { _ = try? command(["umount", scratch.path + "/below"]) }
            func inside(_ options: String, _ script: String) throws -> String {
                try daemon.ok(
                    client, "run", "--rm", "--mount", "type=bind,source=\(scratch.path),target=/x\(options)", "busybox",
                    "sh",
                    "-c", script)
            }
            #expect(try inside("", "cat /x/below/file") == "x")
            #expect(try inside(",bind-recursive=disabled", "ls -A /x/below") == "")
            let write = "(echo y >/x/below/other) 2>/dev/null && echo written || echo refused"
            #expect(try inside(",readonly,bind-recursive=readonly,bind-propagation=rprivate", write) == "refused")
            #expect(try inside(",readonly,bind-recursive=writable", write) == "written")
        }

        /// Read-only binds are so beneath too since API 1.44; clients of earlier ones count on what they had.
        @Test(arguments: [("v1.43", "written"), ("v1.44", "refused"), ("v1.50", "refused")])
        func readOnlyBindsByVersion(version: String, expected: String) throws {
            let scratch = try Scratch("binds")
            try succeed([
                "sh", "-c", "mkdir $1/below && mount -t tmpfs none $1/below", "sh", scratch.path,
            ])
            defer { _ = try? command(["umount", scratch.path + "/below"]) }
            let mount = #"{"Type": "bind", "Source": "\#(scratch.path)", "Target": "/x", "ReadOnly": true"#
            for (host, expected) in [
                (#""Binds": ["\#(scratch.path):/x:ro"]"#, expected), (#""Mounts": [\#(mount)}]"#, expected),
                (#""Mounts": [\#(mount), "BindOptions": {"ReadOnlyNonRecursive": true}}]"#, "written"),
            ] {
                let body =
                    #"{"Image": "busybox", "HostConfig": {\#(host)}, "Cmd": ["sh", "-c", "#
                    + #""(echo y >/x/below/other) 2>/dev/null && echo written || echo refused"]}"#
                let name = "binds-\(version)"
                let create = try daemon.request("POST", "/\(version)/containers/create?name=\(name)", body: body)
                #expect(create.status == 201, "\(create)")
                #expect(try daemon.ok(.gantry, "start", "-a", name) == expected, "\(host)")
                try daemon.ok(.gantry, "rm", name)
            }
        }

        /// Images are as the world makes them.
        @Test(arguments: Client.all)
        func runsImagesWithHealthchecksAndVolumes(client: Client) throws {
            let name = "world-\(client)"
            try daemon.ok(
                client, "import", "-c", "HEALTHCHECK CMD true", "-c", "VOLUME /data", "-c", "STOPSIGNAL INT", "-c",
                "ONBUILD RUN true", BusyboxImage.tar, name)
            let run = try daemon.run(client, "run", "--rm", name, "sh", "-c", "echo it runs")
            #expect(run.status == 0 && run.out == "it runs\n", "\(run)")
            #expect(run.err.contains("WARNING: The image's HEALTHCHECK is not run"), "\(run)")
            #expect(run.err.contains("WARNING: The image's VOLUME /data"), "\(run)")
            let without = try daemon.run(client, "run", "--rm", "--no-healthcheck", "--tmpfs", "/data", name, "true")
            #expect(without.status == 0 && without.err.isEmpty, "\(without)")
            try daemon.ok(client, "rmi", name)
        }
    }
}
