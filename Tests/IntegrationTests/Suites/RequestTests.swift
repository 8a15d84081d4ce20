import Foundation
import Testing

extension Integration {
    /// What a client may send that nobody should: extreme numbers, documents that two readers read differently, web pages.
    @Suite(.daemon, .enabled(if: Programs.isGantry, "Docker reads some of this otherwise")) struct Requests {
        /// Every number of every endpoint at its extremes (scripts/sweep.py; `make fuzz` has more of them).
        @Test func livesThroughEveryNumber() throws {
            // It has prunes among what it asks for.
            try Daemon.with { daemon in
                let pid = try #require(daemon.pid)
                let result = try command([
                    "python3", Programs.root + "/scripts/sweep.py", daemon.socket, "\(pid)", "--quick",
                ])
                #expect(result.status == 0, "\(result)")
                #expect(daemon.pid == pid)
            }
        }

        private func post(_ path: String, _ headers: [String], _ body: String) throws -> (status: String, text: String)
        {
            let connection = try RawConnection(daemon.socket)
            let lines =
                ["POST \(path) HTTP/1.1", "Host: d", "Connection: close", "Content-Length: \(body.utf8.count)"]
                + headers
            try connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
            let status = try connection.head().status
            try connection.readToEnd()
            return (status, connection.text)
        }

        private func message(_ text: String) -> String? {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])?["message"]
        }

        @Test func wantsJSONToBeCalledJSON() throws {
            let body = #"{"Image":"busybox","Cmd":["true"]}"#
            for (type, words) in [
                ("", "malformed Content-Type header (): mime: no media type"),
                ("text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"),
            ] {
                for path in [
                    "/containers/create", "/v1.24/containers/create", "/auth", "/exec/x/start", "/commit?container=x",
                ] {
                    let answer = try post(path, type.isEmpty ? [] : ["Content-Type: \(type)"], body)
                    #expect(answer.status == "HTTP/1.1 400 Bad Request", "\(path) \(answer)")
                    #expect(message(answer.text) == words, "\(path)")
                }
            }
            let created = try post("/containers/create", ["Content-Type: application/json; charset=utf-8"], body)
            #expect(created.status == "HTTP/1.1 201 Created", "\(created)")
            // Docker's command line calls an empty body so.
            let started = try post("/containers/nosuch/start", ["Content-Type: text/plain"], "")
            #expect(started.status == "HTTP/1.1 404 Not Found")
        }

        /// A proxy that allows or denies must not see another member than the daemon does.
        @Test func refusesMembersThatMeanTheSame() throws {
            for (body, word) in [
                (#"{"Image":"busybox","HostConfig":{},"hostconfig":{"Privileged":true}}"#, "HostConfig"),
                (#"{"Image":"busybox","HostConfig":{"Privileged":false,"PRIVILEGED":true}}"#, "Privileged"),
                (
                    #"{"Image":"busybox","HostConfig":{"Ulimits":[{"Name":"core","name":"cpu","Hard":1,"Soft":1}]}}"#,
                    "Name"
                ),
                (
                    #"{"Image":"busybox","HostConfig":{"\u017fecurityOpt":[],"SecurityOpt":["seccomp=unconfined"]}}"#,
                    "SecurityOpt"
                ),
                (#"{"Image":"busybox","HostConfig":{"Privileged":false,"Privileged":true}}"#, "two members"),
                (#"{"Image":"busybox","Labels":{"a":"1","a":"2"}}"#, "two members"),
            ] {
                let answer = try daemon.request("POST", "/containers/create", body: body)
                #expect(answer.status == 400, "\(body)")
                #expect(
                    message(answer.body)?.hasPrefix("invalid JSON: ") == true && answer.body.contains(word), "\(answer)"
                )
            }
            for path in ["/auth", "/containers/x/update", "/containers/x/exec", "/exec/x/start"] {
                let body =
                    #"{"Detach":true,"detach":false,"Memory":1,"memory":2,"Cmd":["a"],"cmd":["b"],"username":"a","Username":"b"}"#
                #expect(try daemon.request("POST", path, body: body).status == 400, "\(path)")
            }
            // One of them, in whatever case, is read as Docker reads it; labels may differ in case.
            let made = try daemon.request(
                "POST", "/containers/create",
                body:
                    #"{"image":"busybox","cmd":["true"],"labels":{"a":"1","A":"2"},"hostconfig":{"readonlyRootfs":true}}"#
            )
            #expect(made.status == 201, "\(made)")
            let object = try JSONSerialization.jsonObject(with: Data(made.body.utf8)) as? [String: Any]
            let id = try #require(object?["Id"] as? String)
            #expect(
                try daemon.ok(.docker, "inspect", "-f", "{{.HostConfig.ReadonlyRootfs}} {{.Config.Labels}}", id)
                    == "true map[A:2 a:1]")
        }

        @Test func refusesNegativeRetries() throws {
            let body =
                #"{"Image":"busybox","Cmd":["true"],"HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":-1}}}"#
            let answer = try daemon.request("POST", "/containers/create", body: body)
            #expect(answer.status == 400)
            #expect(message(answer.body) == "invalid restart policy: maximum retry count cannot be negative")
        }

        /// Containers, images and registries choose these texts; a terminal would obey them.
        @Test func keepsControlCharactersFromTerminals() throws {
            let escape = "\u{1b}]0;pwned\u{7}\u{9b}31m"
            let shown = #"\u001b]0;pwned\u0007\u009b31m"#
            let id = try daemon.ok(
                .gantry, "run", "-d", "--label", "evil=\(escape)", "busybox", "sh", "-c",
                "touch '/\(escape)'; sleep 1000; true", escape)
            defer { _ = try? daemon.run(.gantry, "rm", "-f", id) }
            try eventually("it has made its file") { try daemon.run(.gantry, "diff", id).out.contains("pwned") }
            func onTerminal(_ words: String...) throws -> String {
                let child = try daemon.start(.gantry, words, terminal: true)
                _ = try child.wait()
                return child.outText
            }
            func isHarmless(_ text: String) -> Bool {
                !text.unicodeScalars.contains {
                    $0.value < 0x20 && $0 != "\n" && $0 != "\r" || (0x7F..<0xA0).contains($0.value)
                }
            }
            for words in [
                ["ps", "--no-trunc"], ["ps", "--format", "{{.Labels}}"],
                ["ps", "--format", "table {{.Labels}}\t{{.ID}}"],
                ["inspect", "-f", "{{.Config.Labels}}", id], ["inspect", id], ["diff", id], ["top", id],
                // Up to a second that is over when the container was made: its events would not be there.
                ["events", "--since", "1", "--until", "\(Int(Date().timeIntervalSince1970) + 1)"],
                ["run", "--rm", "busybox", escape], ["pull", escape], ["inspect", escape],
            ] {
                let child = try daemon.start(.gantry, words, terminal: true)
                _ = try child.wait()
                #expect(isHarmless(child.outText), "\(words): \(child.outText.debugDescription)")
                // Tables, lines and errors are so wherever they go.
                let isRaw =
                    words.contains("--format") && !words.contains { $0.hasPrefix("table") } || words.contains("-f")
                let piped = try daemon.run(.gantry, words)
                // Of a name that none can have, errors do not speak.
                let isAsked = words[0] != "pull" && words != ["inspect", escape]
                #expect(!isAsked || (piped.out + piped.err).contains("pwned"), "\(words) shows what the test is about")
                #expect(isHarmless(piped.err), "\(words): \(piped.err.debugDescription)")
                if isRaw {
                    #expect(piped.out.contains(escape), "a template's output is Docker's, byte for byte: \(words)")
                } else if words[0] != "inspect" {
                    #expect(isHarmless(piped.out), "\(words): \(piped.out.debugDescription)")
                }
            }
            #expect(try onTerminal("ps", "--format", "{{.Labels}}").contains(shown))
            // What a container writes itself is its own.
            let own = try daemon.start(.gantry, ["run", "--rm", "busybox", "printf", "\\033[1mbold"], terminal: true)
            _ = try own.wait()
            #expect(own.outText.contains("\u{1b}[1mbold"))
        }

        /// A link that somebody else put there is not written through.
        @Test func writesNoFileThroughALink() throws {
            let scratch = try Scratch("links")
            for name in ["cid", "archive"] { symlink(scratch.path + "/victim", scratch.path + "/" + name) }
            let run = try daemon.run(.gantry, "run", "--rm", "--cidfile", scratch.path + "/cid", "busybox", "true")
            #expect(run.status == 125 || run.status == 1, "\(run)")
            #expect(run.err.contains("failed to create the container ID file"), "\(run)")
            let saved = try daemon.run(.gantry, "save", "-o", scratch.path + "/archive", "busybox")
            #expect(saved.status == 0, "\(saved)")
            #expect(!Programs.exists(scratch.path + "/victim"))
        }
    }
}
