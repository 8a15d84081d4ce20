import Foundation
import Testing

extension Integration {
    /// Registries that send numbers nobody expects (GHSA-f36w-mj3v-6jqv): an error, or an image, and never the daemon's end.
    @Suite(.enabled(if: Programs.isGantry, "about Gantry's own arithmetic")) struct HostileRegistries {
        @Test func survivesEveryNumberAtItsExtremes() throws {
            // One more try of what breaks would find nothing new.
            try Daemon.with(settings: ["max-download-attempts": "1"]) { daemon in
                let pid = try #require(daemon.pid)
                let sweep = Programs.fixtures + "/extreme_numbers.py"
                let swept = try command(["python3", sweep, daemon.socket])
                #expect(swept.lines.count == 1 && swept.lines.first?.hasPrefix("swept ") == true, "\(swept)")
                #expect(daemon.pid == pid && kill(pid, 0) == 0, "the daemon has ended:\n\(daemon.logTail)")

                // The command line reads the same numbers.
                let ids = Set(try daemon.run(.first, "images", "-aq", "--no-trunc").lines)
                #expect(ids.count > 100)
                for words in [["images"], ["images", "--format", "{{json .}}"], ["system", "df"]] {
                    let listed = try daemon.run(.first, words)
                    #expect(listed.status == 0, "\(listed)")
                }
                try daemon.ok(.first, ["image", "inspect"] + ids)
                for id in ids { try daemon.ok(.first, "history", id) }
            }
        }

        @Test(arguments: ["65536", "99999", "18446744073709551616"])
        func refusesPortsThatDoNotExist(port: String) throws {
            try Daemon.with { daemon in
                let pull = try daemon.run(.first, "pull", "127.0.0.1:\(port)/x")
                #expect(pull.status == 1)
                #expect(pull.err.contains("dial tcp: address \(port): invalid port"), "\(pull)")
                let login = try daemon.run(.first, "login", "-u", "a", "-p", "b", "127.0.0.1:\(port)")
                #expect(login.status == 1)
                #expect(login.err.contains("invalid port"), "\(login)")
            }
        }

        /// Wherever a client may put a digest, a path is none (CVE-2024-3727).
        @Test func refusesDigestsThatArePaths() throws {
            try Daemon.with { daemon in
                let before = try daemon.footprint()
                for digest in [
                    "sha256:..%2f..%2fx", "sha256:../../../../x", "sha256%3a%2e%2e%2f%2e%2e%2fx", "sha256:/x",
                ] {
                    for (method, path) in [
                        ("GET", "images/\(digest)/json"), ("GET", "images/busybox@\(digest)/json"),
                        ("GET", "images/busybox@\(digest)/history"), ("GET", "images/busybox@\(digest)/get"),
                        ("GET", "images/get?names=busybox@\(digest)"), ("DELETE", "images/\(digest)"),
                        ("DELETE", "images/busybox@\(digest)"), ("POST", "images/busybox@\(digest)/tag?repo=a&tag=b"),
                        ("POST", "images/\(digest)/tag?repo=a&tag=b"),
                        ("POST", "images/create?fromImage=busybox@\(digest)"),
                        ("POST", "images/create?fromImage=127.0.0.1:1/x&tag=\(digest)"),
                        ("POST", "images/busybox@\(digest)/push"), ("GET", "distribution/127.0.0.1:1/x@\(digest)/json"),
                        ("GET", "distribution/127.0.0.1:1/x@\(digest)/manifest"),
                        ("POST", "distribution/127.0.0.1:1/x/mount?from=y&digest=\(digest)"),
                    ] {
                        let answer = try daemon.request(method, "/v1.41/" + path)
                        #expect([400, 404].contains(answer.status), "\(method) \(path): \(answer)")
                    }
                    let body = #"{"Image": "\#(digest.replacing("%2f", with: "/"))"}"#
                    #expect(
                        [400, 404].contains(try daemon.request("POST", "/v1.41/containers/create", body: body).status))
                }
                #expect(try daemon.footprint().subtracting(before).isEmpty)
            }
        }
    }
}
