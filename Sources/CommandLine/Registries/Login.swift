internal import ByteText
internal import Flags
internal import Glibc
internal import JSON

/// `gantry login` and `gantry logout`.
enum Login {
    static func command() -> Command {
        Command(
            usage: "[OPTIONS] [SERVER]", summary: "Authenticate to a registry",
            flags: [
                Flag("password", "p", .string, "Password or Personal Access Token (PAT)"),
                Flag("password-stdin", nil, .bool(), "Take the Password or Personal Access Token (PAT) from stdin"),
                Flag("username", "u", .string, "Username"),
            ], arity: .atMost(1), run: logIn)
    }

    static func logout() -> Command {
        Command(usage: "[SERVER]", summary: "Log out from a registry", arity: .atMost(1)) { call in
            let key = RegistryName.key(forServer: call.arguments.first ?? "")
            let shown = key == RegistryName.hub ? key : RegistryName.hostname(call.arguments.first ?? "")
            var store = try call.session.credentialStore()
            guard try store.erase(key) else {
                try Output.line("Not logged in to \(shown)")
                return 0
            }
            try Output.line("Removing login credentials for \(shown)")
            return 0
        }
    }

    private static func logIn(_ call: Invocation) throws -> Int32 {
        let key = RegistryName.key(forServer: call.arguments.first ?? "")
        var credentials = Credentials()
        credentials.username = call.flags.string("username").trimmed
        credentials.password = call.flags.string("password")
        if call.flags.isSet("password") {
            if call.flags.bool("password-stdin") {
                throw CommandError("conflicting options: cannot specify both --password and --password-stdin")
            }
            Output.complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
        }
        if call.flags.bool("password-stdin") {
            if credentials.username.isEmpty {
                throw CommandError("the --password-stdin option requires --username to be set")
            }
            credentials.password = try secretFromInput()
        }
        var store = try call.session.credentialStore()
        var usual = ""
        if credentials.username.isEmpty, credentials.password.isEmpty {
            let known = try store.credentials(for: key)
            if !known.isEmpty, try useKnown(known, key, call, &store) { return 0 }
            usual = known.username
        }
        try ask(&credentials, server: key, usual: usual)
        try succeed(credentials, key, call, &store)
        return 0
    }

    /// Whether what is known already still opens the door.
    private static func useKnown(
        _ known: Credentials, _ key: String, _ call: Invocation, _ store: inout CredentialStore
    ) throws -> Bool {
        Output.complain(
            "Authenticating with existing credentials..."
                + (known.username.isEmpty ? "" : " [Username: \(known.username)]")
                + "\n\n Info -> To login with a different account, run 'gantry logout' followed by 'gantry login'\n\n")
        do throws(CommandError) {
            try succeed(known, key, call, &store, warns: false)
            return true
        } catch {
            guard let status = error.httpStatus else { throw error }
            Output.complain(
                status == 401
                    ? "Stored credentials invalid or expired" : "Login did not succeed, error: \(error.message)")
            return false
        }
    }

    private static func succeed(
        _ credentials: Credentials, _ key: String, _ call: Invocation, _ store: inout CredentialStore,
        warns: Bool = true
    ) throws(CommandError) {
        let client = try call.session.client()
        let answer = try client.post("/auth", body: credentials.document(server: key))
        var kept = credentials
        if let token = answer["IdentityToken"]?.stringValue, !token.isEmpty {
            kept.password = ""
            kept.identityToken = token
        }
        if let file = try store.save(kept, for: key), warns {
            Output.complain(
                """

                WARNING! Your credentials are stored unencrypted in '\(file)'.
                Configure a credential helper to remove this warning. See
                https://docs.docker.com/go/credential-store/

                """)
        }
        if let status = answer["Status"]?.stringValue, !status.isEmpty { try Output.line(status) }
    }

    // MARK: Asking

    private static func secretFromInput() throws(CommandError) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 1 << 20 {
            let count = read(0, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        var text = String(decoding: bytes, as: UTF8.self)
        if text.hasByteSuffix("\n") { text.removeLast() }
        if text.hasByteSuffix("\r\n") || text.hasByteSuffix("\r") { text.removeLast() }
        return text
    }

    /// - Parameter usual: the name that an empty line stands for.
    private static func ask(
        _ credentials: inout Credentials, server: String, usual: String
    ) throws(CommandError) {
        if !credentials.username.isEmpty, !credentials.password.isEmpty { return }
        guard isatty(0) == 1 else {
            throw CommandError("Error: Cannot perform an interactive login from a non TTY device")
        }
        if credentials.username.isEmpty {
            if server == RegistryName.hub {
                try Output.line(
                    "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't "
                        + "have a Docker ID, head over to https://hub.docker.com/ to create one.\nYou can log in with "
                        + "your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better "
                        + "security and is required for organizations using SSO. Learn more at "
                        + "https://docs.docker.com/go/access-tokens/\n")
            }
            try Output.write(usual.isEmpty ? "Username: " : "Username (\(usual)): ")
            credentials.username = try line().trimmed
            if credentials.username.isEmpty { credentials.username = usual }
            if credentials.username.isEmpty { throw CommandError("Error: Non-null Username Required") }
        }
        if credentials.password.isEmpty {
            // Who types ahead is not shown either.
            credentials.password = try withoutEcho { () throws(CommandError) in
                try Output.write("Password: ")
                return try line()
            }
            try Output.line("")
            if credentials.password.isEmpty { throw CommandError("Error: Password Required") }
        }
    }

    private static func line() throws(CommandError) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(0, &byte, 1)
            if count < 0, errno == EINTR { continue }
            if count <= 0 || byte == 0x0a { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What the terminal was like, for whoever ends this program meanwhile.
    nonisolated(unsafe) private static var saved = termios()

    private static func withoutEcho(_ body: () throws(CommandError) -> String) throws(CommandError) -> String {
        guard tcgetattr(0, &saved) == 0 else { return try body() }
        var quiet = saved
        quiet.c_lflag &= ~tcflag_t(ECHO)
        let endings = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        for number in endings {
            signal(number) { number in
                tcsetattr(0, TCSAFLUSH, &Login.saved)
                _ = write(1, "\n", 1)
                Signals.die(by: number)
            }
        }
        tcsetattr(0, TCSAFLUSH, &quiet)
        defer {
            tcsetattr(0, TCSAFLUSH, &saved)
            for number in endings { signal(number, SIG_DFL) }
        }
        return try body()
    }
}
