internal import ByteText
internal import Glibc
internal import JSON
internal import Linux

/// A program `docker-credential-NAME` that keeps secrets (docker-credential-helpers): a word says what to do, the rest
/// goes over standard input and output.
struct CredentialHelper {
    let name: String

    private var program: String { "docker-credential-" + name }

    /// `pass` and `secretservice` are used unasked when they are installed.
    static var standard: String? {
        let names = isInstalled("pass") ? ["pass"] : ["secretservice"]
        return names.first { isInstalled("docker-credential-" + $0) }
    }

    func get(_ server: String) throws(CommandError) -> Credentials {
        let (status, text) = try ask("get", server)
        guard status == 0 else {
            let reason = text.trimmed
            if reason == "credentials not found in native keychain" { return Credentials() }
            throw failure("get", reason)
        }
        let answer = try Client.parse(Array(text.utf8))
        var credentials = Credentials()
        let username = answer["Username"]?.stringValue ?? ""
        let secret = answer["Secret"]?.stringValue ?? ""
        if username == "<token>" {
            credentials.identityToken = secret
        } else {
            credentials.username = username
            credentials.password = secret
        }
        return credentials
    }

    func store(_ credentials: Credentials, for server: String) throws(CommandError) {
        let isToken = !credentials.identityToken.isEmpty
        let document: JSON = [
            "ServerURL": .string(server), "Username": .string(isToken ? "<token>" : credentials.username),
            "Secret": .string(isToken ? credentials.identityToken : credentials.password),
        ]
        let (status, text) = try ask("store", document.text())
        if status != 0 { throw failure("store", text.trimmed) }
    }

    func erase(_ server: String) throws(CommandError) {
        let (status, text) = try ask("erase", server)
        if status != 0 { throw failure("erase", text.trimmed) }
    }

    private func failure(_ word: String, _ reason: String) -> CommandError {
        CommandError("error \(word == "get" ? "getting" : "saving") credentials - err: exit status 1, out: `\(reason)`")
    }

    private func ask(_ word: String, _ input: String) throws(CommandError) -> (status: Int32, text: String) {
        do throws(SystemError) {
            var child: pid_t = 0
            var code: Int32 = 0
            let ours = try LocalSocketPair(Int32(SOCK_STREAM.rawValue)).keepFirst { theirs in
                code = spawn(word, theirs.raw, &child)
            }
            guard code == 0 else { throw SystemError("exec", program, code: code) }
            // A helper that ends without reading is heard below.
            let bytes = Array(input.utf8)
            var sent = 0
            while sent < bytes.count {
                let count = send(ours.raw, Array(bytes[sent...]), bytes.count - sent, Int32(MSG_NOSIGNAL))
                if count <= 0 { break }
                sent += count
            }
            shutdown(ours.raw, Int32(SHUT_WR))
            let answer = try Self.readAll(ours.raw)
            var status: Int32 = 0
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
            return (status, String(decoding: answer, as: UTF8.self))
        } catch {
            throw CommandError(
                "error getting credentials - err: \(error); install \(program), or take \(name) out of the client's "
                    + "configuration")
        }
    }

    private static func readAll(_ socket: Int32) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 1 << 20 {
            let count = read(socket, &chunk, chunk.count)
            if count > 0 { bytes += chunk[..<count] }
            // A helper that did not read all it was told resets the connection, behind its answer.
            if count == 0 || count < 0 && errno == ECONNRESET { break }
            if count < 0, errno != EINTR { throw SystemError("read", code: errno) }
        }
        return bytes
    }

    /// Both standard streams are the one socket. Returns an errno.
    private func spawn(_ word: String, _ socket: Int32, _ child: inout pid_t) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, socket, 0)
        posix_spawn_file_actions_adddup2(&actions, socket, 1)
        let words: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup(word), nil]
        defer { for word in words { free(word) } }
        return posix_spawnp(&child, program, &actions, nil, words, environ)
    }

    private static func isInstalled(_ program: String) -> Bool {
        (Environment()["PATH"] ?? "").split(byte: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }
}
