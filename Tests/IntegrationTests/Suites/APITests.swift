import Foundation
import Testing

extension Integration {
    /// Issue heading 5: what clients meet on the socket itself.
    @Suite(.daemon) struct API {
        @Test func answersEveryVersionItShould() throws {
            let server = try daemon.request("GET", "/version")
            let object = try JSONSerialization.jsonObject(with: Data(server.body.utf8)) as? [String: Any]
            let newest = try #require(object?["ApiVersion"] as? String)
            if Programs.isGantry {
                #expect(newest == "1.50")
                #expect(object?["MinAPIVersion"] as? String == "1.24")
            }
            let last = Int(newest.split(separator: ".")[1]) ?? 0
            for minor in 24...last {
                #expect(try daemon.request("GET", "/v1.\(minor)/_ping").status == 200, "1.\(minor)")
                #expect(try daemon.request("GET", "/v1.\(minor)/containers/json").status == 200, "1.\(minor)")
            }
            let tooNew = try daemon.request("GET", "/v1.\(last + 1)/containers/json")
            #expect(tooNew.status == 400)
            #expect(tooNew.body.contains("client version 1.\(last + 1) is too new"), "\(tooNew)")
            #expect(tooNew.body.contains("Maximum supported API version is \(newest)"), "\(tooNew)")
            if Programs.isGantry {
                let tooOld = try daemon.request("GET", "/v1.23/containers/json")
                #expect(tooOld.status == 400)
                #expect(tooOld.body.contains("client version 1.23 is too old"), "\(tooOld)")
            }
            #expect(try daemon.request("GET", "/containers/json").status == 200)
        }

        @Test func pingsWithItsHeaders() throws {
            for method in ["GET", "HEAD"] {
                let connection = try RawConnection(daemon.socket)
                try connection.request(method, "/_ping")
                let head = try connection.head()
                #expect(head.status == "HTTP/1.1 200 OK")
                #expect(head.headers["api-version"]?.hasPrefix("1.") == true)
                #expect(head.headers["ostype"] == "linux")
                #expect(head.headers["server"] != nil)
                if method == "GET" { try connection.read(atLeast: 2) }
                #expect(connection.text == (method == "GET" ? "OK" : ""))
            }
        }

        @Test func keepsAConnectionForSeveralRequests() throws {
            let connection = try RawConnection(daemon.socket)
            for _ in 0..<3 {
                try connection.request("GET", "/_ping")
                #expect(try connection.head().status == "HTTP/1.1 200 OK")
                try connection.read(atLeast: 2)
                #expect(connection.text == "OK")
                connection.forget()
            }
        }

        @Test func refusesInDockersWords() throws {
            let none = try daemon.request("GET", "/v1.41/no/such/endpoint")
            #expect(none.status == 404)
            #expect(none.body.trimmingCharacters(in: .newlines) == "{\"message\":\"page not found\"}")
            let missing = try daemon.request("GET", "/v1.41/containers/nosuch/json")
            #expect(missing.status == 404)
            #expect(missing.body.contains("\"message\":") && missing.body.contains("nosuch"), "\(missing)")
            let broken = try daemon.request("POST", "/v1.41/containers/create", body: "{not json").status
            #expect(broken == 400 || !Programs.isGantry && broken == 500, "20.10 said 500: \(broken)")
            #expect(
                try daemon.request("POST", "/v1.41/containers/create", body: "{\"Image\":\"no/such/image\"}").status
                    == 404)
            #expect(try daemon.request("POST", "/v1.41/containers/nosuch/start").status == 404)
            #expect(try daemon.request("GET", "/v1.41/images/nosuch/json").status == 404)
        }

        @Test func statusCodesOfAContainersLife() throws {
            let made = try daemon.request(
                "POST", "/v1.41/containers/create?name=coded", body: #"{"Image":"busybox","Cmd":["sleep","1000"]}"#)
            #expect(made.status == 201, "\(made)")
            let object = try JSONSerialization.jsonObject(with: Data(made.body.utf8)) as? [String: Any]
            #expect((object?["Id"] as? String)?.count == 64)
            #expect(object?["Warnings"] is [Any])
            let body = #"{"Image":"busybox","Cmd":["true"]}"#
            #expect(try daemon.request("POST", "/v1.41/containers/create?name=coded", body: body).status == 409)
            #expect(try daemon.request("POST", "/v1.41/containers/create?name=b*d", body: body).status == 400)
            #expect(try daemon.request("POST", "/v1.41/containers/coded/start").status == 204)
            #expect(try daemon.request("POST", "/v1.41/containers/coded/start").status == 304)
            #expect(try daemon.request("POST", "/v1.41/containers/coded/resize?h=10&w=20").status == 200)
            #expect(try daemon.request("GET", "/v1.41/containers/coded/top").status == 200)
            #expect(
                try daemon.request("GET", "/v1.41/containers/coded/logs").status == 400, "neither stdout nor stderr")
            #expect(try daemon.request("POST", "/v1.41/containers/coded/stop?t=0").status == 204)
            #expect(try daemon.request("POST", "/v1.41/containers/coded/stop").status == 304)
            #expect(try daemon.request("POST", "/v1.41/containers/coded/kill").status == 409)
            #expect(try daemon.request("POST", "/v1.41/containers/coded/wait").status == 200)
            #expect(try daemon.request("DELETE", "/v1.41/containers/coded").status == 204)
            #expect(try daemon.request("DELETE", "/v1.41/containers/coded").status == 404)
        }

        /// 101 when the client asks to upgrade, raw 200 when it does not; both then carry the same stream.
        @Test(arguments: [true, false])
        func hijacksAttach(upgrades: Bool) throws {
            let id = try daemon.ok(
                .docker, "create", "-i", "busybox", "sh", "-c", "read l; echo out $l; echo err >&2; cat; exit 3")
            let connection = try RawConnection(daemon.socket)
            let asks = upgrades ? ["Connection: Upgrade", "Upgrade: tcp"] : []
            try connection.request(
                "POST", "/v1.41/containers/\(id)/attach?stream=1&stdin=1&stdout=1&stderr=1", headers: asks)
            let head = try connection.head()
            if upgrades {
                #expect(head.status == "HTTP/1.1 101 UPGRADED")
                #expect(head.headers["connection"] == "Upgrade" && head.headers["upgrade"] == "tcp")
            } else {
                #expect(head.status == "HTTP/1.1 200 OK")
            }
            #expect(head.headers["content-type"] == "application/vnd.docker.raw-stream")
            try daemon.ok(.docker, "start", id)
            try connection.send("line\nrest ")
            try connection.send("of it")
            connection.finishSending()
            try connection.readToEnd()
            let frames = connection.frames()
            #expect(connection.received.isEmpty)
            #expect(frames.filter { $0.stream == 1 }.map(\.payload).joined() == "out line\nrest of it")
            #expect(frames.filter { $0.stream == 2 }.map(\.payload).joined() == "err\n")
            #expect(try daemon.ok(.docker, "wait", id) == "3")
            try daemon.ok(.docker, "rm", id)
        }

        /// The body of the start request is read to its end; what comes behind it belongs to the process (20.10 loses it).
        @Test(arguments: [true, false], Programs.isGantry ? [true, false] : [false])
        func hijacksExec(upgrades: Bool, early: Bool) throws {
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
            let exec = try createExec(
                id, #"{"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Cmd":["cat"]}"#)
            let connection = try RawConnection(daemon.socket)
            let body = #"{"Detach":false,"Tty":false}"#
            let head =
                [
                    "POST /v1.41/exec/\(exec)/start HTTP/1.1", "Host: d", "Content-Type: application/json",
                    "Content-Length: \(body.utf8.count)",
                ] + (upgrades ? ["Connection: Upgrade", "Upgrade: tcp"] : [])
            // With `early` the first bytes of standard input are in the same packet as the request.
            try connection.send(head.joined(separator: "\r\n") + "\r\n\r\n" + body + (early ? "early " : ""))
            #expect(try connection.head().status == (upgrades ? "HTTP/1.1 101 UPGRADED" : "HTTP/1.1 200 OK"))
            try connection.send("late")
            connection.finishSending()
            try connection.readToEnd()
            #expect(connection.frames().map(\.payload).joined() == (early ? "early late" : "late"))
            let state = try daemon.request("GET", "/v1.41/exec/\(exec)/json").body
            #expect(state.contains("\"ExitCode\":0") && state.contains("\"Running\":false"), "\(state)")
            try daemon.ok(.docker, "rm", "-f", id)
        }

        @Test func hijacksWithATerminalAreNotMultiplexed() throws {
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
            let exec = try createExec(
                id, #"{"AttachStdin":true,"AttachStdout":true,"Tty":true,"Cmd":["sh","-c","echo raw; read x; exit 6"]}"#
            )
            let connection = try RawConnection(daemon.socket)
            try connection.request(
                "POST", "/v1.41/exec/\(exec)/start", headers: ["Connection: Upgrade", "Upgrade: tcp"],
                body: #"{"Detach":false,"Tty":true}"#)
            #expect(try connection.head().status == "HTTP/1.1 101 UPGRADED")
            try connection.read(until: "raw\r\n")
            #expect(connection.text == "raw\r\n")
            #expect(try daemon.request("POST", "/v1.41/exec/\(exec)/resize?h=40&w=100").status == 200)
            try connection.send("\n")
            try connection.readToEnd()
            #expect(try daemon.request("GET", "/v1.41/exec/\(exec)/json").body.contains("\"ExitCode\":6"))
            let again = try daemon.request("POST", "/v1.41/exec/\(exec)/start", body: "{\"Detach\":false,\"Tty\":true}")
            #expect(again.status == 409 || again.body.contains("has already run"), "\(again)")
            try daemon.ok(.docker, "rm", "-f", id)
        }

        @Test func detachedExecAnswersAtOnce() throws {
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sleep", "1000")
            let exec = try createExec(id, #"{"Cmd":["sleep","500"]}"#)
            #expect(try daemon.request("POST", "/v1.41/exec/\(exec)/start", body: #"{"Detach":true}"#).status == 200)
            try eventually("the exec runs") {
                try daemon.request("GET", "/v1.41/exec/\(exec)/json").body.contains("\"Running\":true")
            }
            #expect(try daemon.ok(.docker, "inspect", "-f", "{{len .ExecIDs}}", id) == "1")
            try daemon.ok(.docker, "rm", "-f", id)
            #expect(
                try daemon.request("POST", "/v1.41/containers/nosuch/exec", body: #"{"Cmd":["true"]}"#).status == 404)
            #expect(try daemon.request("GET", "/v1.41/exec/nosuch/json").status == 404)
        }

        @Test func logsAreMultiplexedStreams() throws {
            let id = try daemon.ok(.docker, "run", "-d", "busybox", "sh", "-c", "echo out; sleep 0.2; echo err >&2")
            try daemon.ok(.docker, "wait", id)
            let connection = try RawConnection(daemon.socket)
            try connection.send("GET /v1.41/containers/\(id)/logs?stdout=1&stderr=1 HTTP/1.0\r\nHost: d\r\n\r\n")
            _ = try connection.head()
            try connection.readToEnd()
            let frames = connection.frames()
            #expect(frames.map(\.stream) == [1, 2])
            #expect(frames.map(\.payload) == ["out\n", "err\n"])
            try daemon.ok(.docker, "rm", id)
        }

        @Test func manyConnectionsAtOnce() throws {
            let connections = try (0..<200).map { _ in try RawConnection(daemon.socket) }
            for connection in connections { try connection.request("GET", "/_ping") }
            for connection in connections { #expect(try connection.head().status == "HTTP/1.1 200 OK") }
        }

        @Test func theSocketBelongsToRootAndAGroup() throws {
            let mode = try succeed(["stat", "-c", "%a %U", daemon.socket])
            #expect(mode == "660 root")
        }

        private func createExec(_ container: String, _ body: String) throws -> String {
            let made = try daemon.request("POST", "/v1.41/containers/\(container)/exec", body: body)
            #expect(made.status == 201, "\(made)")
            let object = try JSONSerialization.jsonObject(with: Data(made.body.utf8)) as? [String: Any]
            return try #require(object?["Id"] as? String)
        }
    }
}
