import Foundation
import Testing

extension Integration {
    /// Who may pull and push: passwords, tokens, helpers, certificates.
    @Suite(.daemon) struct Logins {
        /// A client's configuration directory of its own.
        private func environment(_ scratch: borrowing Scratch) throws -> [String: String] {
            var environment = try daemon.environment
            environment["DOCKER_CONFIG"] = scratch.path
            environment["PATH"] = scratch.path + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            return environment
        }

        private func run(
            _ client: Client, _ arguments: [String], _ environment: [String: String], input: String? = nil
        ) throws -> Output {
            try command([client.program] + arguments, environment: environment, input: input.map { Array($0.utf8) })
        }

        @Test(arguments: Client.all)
        func aPasswordOpensARegistry(client: Client) throws {
            let registry = try PrivateRegistry(password: true)
            let scratch = try Scratch("client")
            let environment = try environment(scratch)
            let host = "127.0.0.1:\(registry.port)"
            let image = registry.name("mine:\(client.rawValue)")
            try daemon.ok(client, "tag", "busybox", image)
            let anonymous = try run(client, ["push", image], environment)
            #expect(anonymous.status == 1)
            #expect(anonymous.err.contains("no basic auth credentials"), "\(anonymous)")

            let wrong = try run(client, ["login", "-u", "alice", "--password-stdin", host], environment, input: "no")
            #expect(wrong.status == 1)
            #expect(wrong.err.contains("401 Unauthorized"), "\(wrong)")
            #expect(!Programs.exists(scratch.path + "/config.json"))

            _ = try scratch.write("{\"detachKeys\": \"ctrl-e,e\", \"auths\": {}}", to: "config.json")
            let right = try run(
                client, ["login", "-u", "alice", "--password-stdin", host], environment, input: "secret\n")
            #expect(right.status == 0, "\(right)")
            #expect(right.lines.last == "Login Succeeded", "\(right)")
            let saved = try Programs.text(scratch.path + "/config.json")
            #expect(saved.contains("\"auth\": \"YWxpY2U6c2VjcmV0\"") && saved.contains("ctrl-e,e"), "\(saved)")
            // Docker leaves the mode of a file that is there as it is.
            if client == .gantry {
                #expect(try succeed(["stat", "-c", "%a", scratch.path + "/config.json"]) == "600")
            }

            let pushed = try run(client, ["push", image], environment)
            #expect(pushed.status == 0, "\(pushed)")
            try daemon.ok(client, "rmi", image)
            #expect(try daemon.run(client, "pull", image).err.contains("no basic auth credentials"))
            let pulled = try run(client, ["pull", "-q", image], environment)
            #expect(pulled.trimmed == image, "\(pulled)")
            try daemon.ok(client, "rmi", image)
            // `run` brings what it needs, with the same credentials.
            let ran = try run(client, ["run", "--rm", image, "echo", "hello"], environment)
            #expect(ran.out == "hello\n", "\(ran)")

            let out = try run(client, ["logout", host], environment)
            #expect(out.out == "Removing login credentials for \(host)\n", "\(out)")
            #expect(try !Programs.text(scratch.path + "/config.json").contains("YWxpY2U6"))
        }

        @Test func asksOnATerminalWithoutEcho() throws {
            let registry = try PrivateRegistry(password: true)
            let scratch = try Scratch("client")
            let child = try Child(
                [Client.gantry.program, "login", "127.0.0.1:\(registry.port)"], environment: try environment(scratch),
                wiring: .terminal(rows: 24, columns: 80))
            try child.expect("Username: ")
            try child.send("alice\n")
            try child.expect("Password: ")
            try child.send("secret\n")
            let ended = try child.wait()
            #expect(ended.status == 0, "\(ended)")
            let shown = ended.out
            #expect(shown.contains("Login Succeeded") && !shown.contains("secret"), "\(shown)")
        }

        @Test(arguments: Client.all)
        func offersTheNameThatIsKnown(client: Client) throws {
            let registry = try PrivateRegistry(password: true)
            let scratch = try Scratch("client")
            let host = "127.0.0.1:\(registry.port)"
            // alice:no
            _ = try scratch.write("{\"auths\": {\"\(host)\": {\"auth\": \"YWxpY2U6bm8=\"}}}", to: "config.json")
            let child = try Child(
                [client.program, "login", host], environment: try environment(scratch),
                wiring: .terminal(rows: 24, columns: 80))
            try child.expect("Stored credentials invalid or expired\r\nUsername (alice): ")
            try child.send("\n")
            try child.expect("Password: ")
            try child.send("secret\n")
            let ended = try child.wait()
            #expect(ended.status == 0 && ended.out.hasSuffix("Login Succeeded\r\n"), "\(ended)")
            #expect(ended.out.contains("Authenticating with existing credentials... [Username: alice]\r\n"), "\(ended)")
        }

        @Test(arguments: Client.all)
        func asksOnlyOnATerminal(client: Client) throws {
            let scratch = try Scratch("client")
            for arguments in [["login", "127.0.0.1:9"], ["login", "-u", "alice", "127.0.0.1:9"]] {
                let refused = try run(client, arguments, try environment(scratch), input: "alice\nsecret\n")
                #expect(refused.status == 1 && refused.out.isEmpty, "\(refused)")
                #expect(refused.err == "Error: Cannot perform an interactive login from a non TTY device\n")
            }
        }

        @Test func anInterruptGivesTheTerminalItsEchoBack() throws {
            let scratch = try Scratch("client")
            let script = "trap : INT; \(Client.gantry.program) login 127.0.0.1:9; echo status=$?; stty -a"
            let child = try Child(
                ["sh", "-c", script], environment: try environment(scratch),
                wiring: .terminal(rows: 24, columns: 80))
            try child.expect("Username: ")
            try child.send("alice\n")
            try child.expect("Password: ")
            try child.send([3])
            let ended = try child.wait()
            #expect(ended.out.contains("status=130") && ended.out.contains(" echo "), "\(ended)")
        }

        @Test(arguments: Client.all)
        func aHelperKeepsSecrets(client: Client) throws {
            let registry = try PrivateRegistry(password: true)
            let scratch = try Scratch("client")
            let environment = try environment(scratch)
            let host = "127.0.0.1:\(registry.port)"
            let helper = try scratch.write(
                """
                #!/bin/sh
                echo "$1" >>\(scratch.path)/asked
                case $1 in
                store) cat >\(scratch.path)/kept ;;
                get) if [ -e \(scratch.path)/kept ]; then cat \(scratch.path)/kept; else
                    echo credentials not found in native keychain; exit 1; fi ;;
                erase) rm -f \(scratch.path)/kept ;;
                esac
                """, to: "docker-credential-test")
            try succeed(["chmod", "755", helper])
            _ = try scratch.write("{\"credHelpers\": {\"\(host)\": \"test\"}}", to: "config.json")
            let login = try run(
                client, ["login", "-u", "alice", "--password-stdin", host], environment, input: "secret")
            #expect(login.status == 0, "\(login)")
            #expect(!login.err.contains("unencrypted"))
            #expect(try Programs.text(scratch.path + "/kept").contains("\"Secret\":\"secret\""))
            #expect(try !Programs.text(scratch.path + "/config.json").contains("c2VjcmV0"))
            let image = registry.name("kept:\(client.rawValue)")
            try daemon.ok(client, "tag", "busybox", image)
            #expect(try run(client, ["push", "-q", image], environment).trimmed == image)
            #expect(try run(client, ["logout", host], environment).status == 0)
            #expect(!Programs.exists(scratch.path + "/kept"))
        }

        @Test func readsTheOldFile() throws {
            let registry = try PrivateRegistry(password: true)
            let scratch = try Scratch("home")
            _ = try scratch.write(
                "{\"http://127.0.0.1:\(registry.port)/v1/\": {\"auth\": \"YWxpY2U6c2VjcmV0\", \"email\": \"a@b\"}}",
                to: ".dockercfg")
            var environment = try environment(scratch)
            environment["DOCKER_CONFIG"] = ""
            environment["HOME"] = scratch.path
            let image = registry.name("old:1")
            try daemon.ok(.gantry, "tag", "busybox", image)
            let pushed = try run(.gantry, ["push", "-q", image], environment)
            #expect(pushed.trimmed == image, "\(pushed)")
        }

        @Test(arguments: Client.all)
        func tokensGoToWhomTheyAreFor(client: Client) throws {
            let service = try RegistryService("token", upstream: try Registry.get().port)
            let scratch = try Scratch("client")
            let environment = try environment(scratch)
            let host = "127.0.0.1:\(service.port)"
            let image = "\(host)/owned/\(client.rawValue):v1"
            try daemon.ok(client, "tag", "busybox", image)
            #expect(try run(client, ["push", image], environment).status == 1)
            let wrong = try run(client, ["login", "-u", "alice", "--password-stdin", host], environment, input: "no")
            #expect(wrong.err.contains("incorrect username or password"), "\(wrong)")
            let login = try run(
                client, ["login", "-u", "alice", "--password-stdin", host], environment, input: "secret")
            #expect(login.status == 0, "\(login)")
            // The password is not kept: a refresh token is.
            let saved = try Programs.text(scratch.path + "/config.json")
            #expect(saved.contains("\"identitytoken\": \"again\"") && !saved.contains("c2VjcmV0"), "\(saved)")
            let pushed = try run(client, ["push", image], environment)
            #expect(pushed.status == 0, "\(pushed)")
            let copy = "\(host)/owned/\(client.rawValue)-copy:v1"
            try daemon.ok(client, "tag", image, copy)
            let mounted = try run(client, ["push", copy], environment)
            #expect(mounted.out.contains(": Mounted from owned/\(client.rawValue)"), "\(mounted)")
            try daemon.ok(client, "rmi", image)
            #expect(try run(client, ["pull", "-q", image], environment).trimmed == image)
            let log = try service.log()
            #expect(log.contains("grant_type=refresh_token"))
            // Both repositories in one token, for the mount.
            #expect(log.contains("copy%3Apull%2Cpush%20repository%3Aowned"), "\(log)")
        }

        @Test(arguments: Client.all)
        func certificatesSayWhoARegistryIs(client: Client) throws {
            // The bridge's address: the loopback ones are trusted without proof.
            let address = try daemon.subnet + ".1"
            let registry = try PrivateRegistry(at: address, names: [address])
            let image = registry.name("secure:1")
            try daemon.ok(client, "tag", "busybox", image)
            let unknown = try daemon.run(client, "push", image)
            #expect(unknown.status == 1)
            #expect(unknown.err.contains("x509: certificate signed by unknown authority"), "\(unknown)")
            let trusted = try registry.trust()
            let pushed = try daemon.run(client, "push", image)
            #expect(pushed.status == 0, "\(pushed)")
            withExtendedLifetime(trusted) {}
        }

        @Test func clientsShowCertificates() throws {
            let address = try daemon.subnet + ".1"
            let registry = try PrivateRegistry(at: address, names: [address], clients: true)
            let image = registry.name("secure:1")
            try daemon.ok(.docker, "tag", "busybox", image)
            var trusted: PrivateRegistry.Trusted? = try registry.trust()
            let without = try daemon.run(.docker, "push", image)
            #expect(without.status == 1, "\(without)")
            trusted = nil
            trusted = try registry.trust(client: true)
            #expect(try daemon.run(.docker, "push", image).status == 0)
            withExtendedLifetime(trusted) {}
        }

        @Test func insecureRegistriesAreNamed() throws {
            let address = try daemon.subnet + ".1"
            let plain = try PrivateRegistry(at: address)
            let secure = try PrivateRegistry(at: address, names: ["elsewhere.test"])
            for registry in [plain, secure] { try daemon.ok(.docker, "tag", "busybox", registry.name("in:1")) }
            let refused = try daemon.run(.docker, "push", plain.name("in:1"))
            #expect(refused.err.contains("http: server gave HTTP response to HTTPS client"), "\(refused)")
            let other = try Daemon(settings: ["insecure-registries": "[\"\(address)/32\"]"])
            defer { try? other.finish() }
            for registry in [plain, secure] {
                try other.ok(.docker, "tag", "busybox", registry.name("in:1"))
                let pushed = try other.run(.docker, "push", registry.name("in:1"))
                #expect(pushed.status == 0, "\(pushed)")
            }
        }

        @Test func goesThroughAProxy() throws {
            let address = try daemon.subnet + ".1"
            let registry = try PrivateRegistry(at: address, names: ["registry.test"])
            let proxy = try RegistryService("connect", upstream: registry.port, host: address)
            // A name that only the proxy can reach.
            let trusted = try registry.trust(as: "registry.test:\(registry.port)")
            let other = try Daemon(settings: ["https-proxy": "\"http://bob:word@127.0.0.1:\(proxy.port)\""])
            defer { try? other.finish() }
            let image = "registry.test:\(registry.port)/far:1"
            try other.ok(.docker, "tag", "busybox", image)
            let pushed = try other.run(.docker, "push", image)
            #expect(pushed.status == 0, "\(pushed)")
            #expect(try proxy.log().contains("registry.test:\(registry.port)"))
            // Those that need none are reached directly.
            let near = try Registry.get().name("busybox:oci")
            #expect(try other.run(.docker, "pull", "-q", near).trimmed == near)
            withExtendedLifetime(trusted) {}
        }

        /// Only for TLS a proxy is asked for a tunnel: many open none to other ports.
        @Test func plainRequestsGoWholeThroughAProxy() throws {
            let address = try daemon.subnet + ".1"
            let registry = try PrivateRegistry(at: address)
            let proxy = try RegistryService("connect", upstream: registry.port, host: address)
            let host = "registry.test:\(registry.port)"
            let insecure = "[\"\(host)\", \"\(address)/32\"]"
            func settings(_ password: String) -> [String: String] {
                let group =
                    "{\"http-proxy\": \"http://bob:\(password)@127.0.0.1:\(proxy.port)\", "
                    + "\"no-proxy\": \"example.test,\(address)/32\"}"
                return ["insecure-registries": insecure, "proxies": group]
            }
            try Daemon.with(settings: settings("word")) { other in
                for image in ["\(host)/far:1", registry.name("near:1")] {
                    try other.ok(.docker, "tag", "busybox", image)
                    let pushed = try other.run(.docker, "push", image)
                    #expect(pushed.status == 0, "\(pushed)")
                    try other.ok(.docker, "rmi", image)
                    #expect(try other.run(.docker, "pull", "-q", image).trimmed == image)
                }
            }
            let log = try proxy.log()
            #expect(log.contains("\"GET\", \"http://\(host)/v2/"), "\(log)")
            #expect(!log.contains("CONNECT") && !log.contains(address), "\(log)")
            try Daemon.with(settings: settings("wrong")) { other in
                let refused = try other.run(.docker, "pull", "\(host)/far:1")
                #expect(refused.status == 1 && refused.err.contains("407"), "\(refused)")
            }
        }

        @Test func goesThroughASocksProxy() throws {
            let registry = try PrivateRegistry(at: "127.0.0.1")
            let proxy = try RegistryService("socks", upstream: registry.port)
            let host = "registry.test:\(registry.port)"
            let settings = [
                "insecure-registries": "[\"\(host)\"]", "http-proxy": "\"socks5://127.0.0.1:\(proxy.port)\"",
                "https-proxy": "\"socks5h://127.0.0.1:\(proxy.port)\"",
            ]
            try Daemon.with(settings: settings) { other in
                try other.ok(.docker, "tag", "busybox", "\(host)/far:1")
                let pushed = try other.run(.docker, "push", "\(host)/far:1")
                #expect(pushed.status == 0, "\(pushed)")
            }
            #expect(try proxy.log().contains("\"SOCKS\", \"\(host)\""))
        }

        /// What `import` fetches goes the way of pulls.
        @Test func importsThroughAProxy() throws {
            try withWebServer { port in
                let proxy = try RegistryService("connect", upstream: port)
                let settings = ["http-proxy": "\"http://bob:word@127.0.0.1:\(proxy.port)\""]
                try Daemon.with(settings: settings) { other in
                    // A name that only the proxy can reach.
                    let imported = try other.run(.gantry, "import", "http://web.test/root.tar", "far:1")
                    #expect(imported.status == 0, "\(imported)")
                }
                #expect(try proxy.log().contains("\"GET\", \"http://web.test/root.tar\""))
            }
        }

        @Test func aProxyOfAnotherKindIsRefused() throws {
            let scratch = try Scratch("proxy")
            let file = try scratch.write("{\"https-proxy\": \"https://bob:word@proxy.test:3128\"}", to: "daemon.json")
            let refused = try command([Programs.binaries + "/gantryd", "--config-file", file])
            #expect(refused.status == 1, "\(refused)")
            #expect(
                refused.err.contains("invalid https-proxy: proxy https://proxy.test:3128 is of a kind")
                    && !refused.err.contains("word"), "\(refused)")
            // From the environment it is told to whoever needs it.
            let other = try Daemon(variables: ["HTTPS_PROXY": "https://bob:word@proxy.test:3128"])
            defer { try? other.finish() }
            let pulled = try other.run(.docker, "pull", "registry.test/far:1")
            #expect(
                pulled.status == 1 && pulled.err.contains("only http:// and socks5:// are")
                    && !pulled.err.contains("word"), "\(pulled)")
        }

        /// A request with a header, as other clients send it; what came of it.
        private func pull(_ image: String, _ header: String) throws -> String {
            let parts = image.split(separator: "/", maxSplits: 1).map(String.init)
            let tag = parts[1].split(separator: ":").map(String.init)
            return try succeed([
                "curl", "-s", "--unix-socket", daemon.socket, "-X", "POST", "-H", header,
                "http://d/v1.41/images/create?fromImage=\(parts[0])/\(tag[0])&tag=\(tag[1])",
            ])
        }

        @Test func readsCredentialsInEveryForm() throws {
            let registry = try PrivateRegistry(password: true)
            let scratch = try Scratch("client")
            let environment = try environment(scratch)
            let image = registry.name("mine:v1")
            _ = try run(
                .docker, ["login", "-u", "alice", "--password-stdin", "127.0.0.1:\(registry.port)"], environment,
                input: "secret")
            try daemon.ok(.docker, "tag", "busybox", image)
            #expect(try run(.docker, ["push", "-q", image], environment).status == 0)
            // Both characters that the two alphabets differ in, and padding.
            let plain = "{\"username\":\"alice\",\"password\":\"secret\",\"email\":\"???>>>~~~~\"}"
            let joined = "{\"auth\":\"YWxpY2U6c2VjcmV0\",\"serveraddress\":\"127.0.0.1:\(registry.port)\"}"
            for document in [plain, joined] {
                let standard = Data(document.utf8).base64EncodedString()
                let url = standard.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
                for text in [standard, url, url.replacingOccurrences(of: "=", with: "")] {
                    let shown = try pull(image, "X-Registry-Auth: " + text)
                    #expect(shown.contains("Status: Image is up to date"), "\(text): \(shown)")
                }
            }
            let all = "{\"127.0.0.1:\(registry.port)\":\(plain),\"other.example\":{}}"
            let known = try pull(image, "X-Registry-Config: " + Data(all.utf8).base64EncodedString())
            #expect(known.contains("Status: Image is up to date"), "\(known)")
            for text in ["", "e30=", "bm9uc2Vuc2U=", "%%%"] {
                let shown = try pull(image, "X-Registry-Auth: " + text)
                #expect(shown.contains("no basic auth credentials"), "\(text): \(shown)")
            }
        }

        @Test func readsTokensOfBothKinds() throws {
            let upstream = try Registry.get()
            let service = try RegistryService("token", upstream: upstream.port)
            let host = "127.0.0.1:\(service.port)"
            let image = "\(host)/test/busybox:oci"
            func header(_ document: String) -> String {
                "X-Registry-Auth: " + Data(document.utf8).base64EncodedString()
            }
            let refreshed = try pull(image, header("{\"username\":\"alice\",\"identitytoken\":\"again\"}"))
            #expect(refreshed.contains("Status: Downloaded newer image"), "\(refreshed)")
            #expect(try service.log().contains("grant_type=refresh_token"))
            let answer = try succeed([
                "curl", "-sf", "-u", "alice:secret", "http://\(host)/token?scope=repository:test/busybox:pull",
            ])
            let grant = try #require(JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any])
            let token = try #require(grant["token"] as? String)
            let given = try pull(image, header("{\"registrytoken\":\"\(token)\"}"))
            #expect(given.contains("Status: Image is up to date"), "\(given)")
            #expect(try service.log().contains("\"Bearer \(token)\""))
            try daemon.ok(.docker, "rmi", image)
        }

        /// What stands in `HttpHeaders` goes with every request to a daemon.
        @Test(arguments: Client.all)
        func headersGoToTheDaemon(client: Client) throws {
            let service = try RegistryService("hub")
            let scratch = try Scratch("client")
            _ = try scratch.write("{\"HttpHeaders\": {\"Authorization\": \"of mine\"}}", to: "config.json")
            var environment = try environment(scratch)
            environment["DOCKER_HOST"] = "tcp://127.0.0.1:\(service.port)"
            _ = try run(client, ["images"], environment)
            let log = try service.log()
            #expect(log.contains("\"of mine\""), "\(log)")
        }

        /// What is asked and answered on the way in and out, word for word as `docker` has it.
        @Test func speaksAsDockerDoes() throws {
            let registry = try PrivateRegistry(password: true)
            let host = "127.0.0.1:\(registry.port)"
            let commands: [(words: [String], input: String)] = [
                (["login", "--password-stdin", host], "secret"),
                (["login", "-p", "secret", "--password-stdin", host], ""),
                (["login", "-u", "alice", "-p", "wrong", host], ""), (["login", "-u", "alice", host], ""),
                (["login", "-u", "alice", "--password-stdin", host], ""),
                (["login", "-u", "alice", "-p", "secret", host], ""),
                (["login", "-u", "alice", "--password-stdin", host], "secret\r\n"), (["logout", host], ""),
                (["login", "-u", "alice", "--password-stdin", "127.0.0.1:1"], "x"),
            ]
            var shown: [Client: [String]] = [:]
            for client in Client.all {
                let scratch = try Scratch("client")
                let environment = try environment(scratch)
                shown[client] = try commands.map { words, input in
                    let output = try run(client, words, environment, input: input)
                    return "\(words.joined(separator: " ")): \(output.status)\n\(output.out)\(output.err)"
                        .replacingOccurrences(of: scratch.path, with: "$HOME")
                        .replacingOccurrences(of: "gantry", with: "docker")
                }
            }
            for (ours, theirs) in zip(shown[.gantry] ?? [], shown[.docker] ?? []) { #expect(ours == theirs) }
        }

        /// One helper for every registry, and another for one of them.
        @Test(arguments: Client.all)
        func aStoreKeepsAllSecretsButThoseOfHelpers(client: Client) throws {
            let registry = try PrivateRegistry(password: true)
            let scratch = try Scratch("client")
            let environment = try environment(scratch)
            let host = "127.0.0.1:\(registry.port)"
            for name in ["all", "one"] {
                let helper = try scratch.write(
                    """
                    #!/bin/sh
                    read -r input
                    echo "\(name) $1 $input" >>\(scratch.path)/asked
                    [ $1 != get ] || echo credentials not found in native keychain
                    [ $1 != list ] || echo '{}'
                    [ $1 != get ]
                    """, to: "docker-credential-" + name)
                try succeed(["chmod", "755", helper])
            }
            let configuration = "{\"credsStore\": \"all\", \"credHelpers\": {\"other.example\": \"one\"}}"
            _ = try scratch.write(configuration, to: "config.json")
            let login = try run(
                client, ["login", "-u", "alice", "--password-stdin", host], environment, input: "secret")
            #expect(login.status == 0 && !login.err.contains("unencrypted"), "\(login)")
            _ = try run(client, ["pull", "other.example/none"], environment)
            _ = try run(client, ["logout", host], environment)
            let asked = try Programs.text(scratch.path + "/asked")
            #expect(
                asked.contains("all store {\"ServerURL\":\"\(host)\",\"Username\":\"alice\",\"Secret\":\"secret\"}"))
            #expect(asked.contains("one get other.example") && asked.contains("all erase \(host)"), "\(asked)")
            #expect(!asked.contains("one store") && !asked.contains("all get other.example"), "\(asked)")
            #expect(try !Programs.text(scratch.path + "/config.json").contains("c2VjcmV0"))
        }

        @Test func mirrorsComeFirst() throws {
            let registry = try Registry.get()
            let mirror = "http://127.0.0.1:\(registry.port)/test"
            let other = try Daemon(settings: [
                "registry-mirror-map": "{\"quay.example\": [\"http://127.0.0.1:1\", \"\(mirror)\"]}"
            ])
            defer { try? other.finish() }
            let pulled = try other.run(.docker, "pull", "quay.example/busybox:oci")
            #expect(pulled.status == 0, "\(pulled)")
            #expect(pulled.out.contains("127.0.0.1:1 failed"), "\(pulled)")
            #expect(try other.ok(.docker, "run", "--rm", "quay.example/busybox:oci", "echo", "ok") == "ok")
        }
    }
}
