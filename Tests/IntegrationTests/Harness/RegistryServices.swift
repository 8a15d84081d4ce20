import Foundation
import Testing

/// What stands in front of a registry or beside it: `Fixtures/registry_services.py`.
final class RegistryService: Sendable {
    let port: Int
    private let pid: pid_t

    init(_ kind: String, upstream: Int = 0, host: String = "127.0.0.1") throws {
        let file = try succeed(["mktemp", "/tmp/gantry-service-XXXXXX"])
        defer { unlink(file) }
        let script = Programs.fixtures + "/registry_services.py"
        let started = try succeed([
            "sh", "-c", "python3 \(script) \(kind) \(upstream) \(host) >\(file) 2>/dev/null </dev/null & echo $!",
        ])
        pid = pid_t(started) ?? 0
        try eventually("the service \(kind) prints its port") { try Programs.text(file).hasSuffix("\n") }
        port = Int(try Programs.text(file).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    deinit {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    /// Method, path, authorization of every request, one line each.
    func log() throws -> String { try succeed(["curl", "-sf", "http://127.0.0.1:\(port)/log"]) }
}

/// Debian's docker-registry as its owner wants it: with a password (alice, secret), with TLS, with certificates for
/// clients.
final class PrivateRegistry: Sendable {
    let address: String
    let port: Int
    let directory: String
    private let pid: pid_t

    /// - Parameter names: what its certificate is for; none: no TLS.
    init(at address: String = "127.0.0.1", password: Bool = false, names: [String] = [], clients: Bool = false) throws {
        self.address = address
        port = try freePort()
        directory = try succeed(["mktemp", "-d", "/tmp/gantry-private-XXXXXX"])
        var http = "addr: \"\(address):\(port)\""
        if !names.isEmpty {
            try Self.makeCertificates(directory, names)
            http += ", tls: {certificate: \(directory)/server.pem, key: \(directory)/server.key"
            http += clients ? ", clientcas: [\(directory)/ca.crt]}" : "}"
        }
        var lines = [
            "version: 0.1", "log: {level: error, accesslog: {disabled: true}}",
            "storage: {filesystem: {rootdirectory: \(directory)/store}}", "http: {\(http)}",
        ]
        if password {
            // alice:secret
            try "alice:$2y$04$ukpkLbkvNqQPLljbs8qieO.F5//ltNHyDvPTKyzCXthKfwfFPiPDS\n".write(
                toFile: directory + "/htpasswd", atomically: false, encoding: .utf8)
            lines.append("auth: {htpasswd: {realm: private, path: \(directory)/htpasswd}}")
        }
        try lines.joined(separator: "\n").write(
            toFile: directory + "/config.yml", atomically: false, encoding: .utf8)
        let started = try succeed([
            "sh", "-c",
            "docker-registry serve \(directory)/config.yml >\(directory)/log 2>&1 </dev/null & echo $!",
        ])
        pid = pid_t(started) ?? 0
        let (host, number) = (address, port)
        try eventually("docker-registry answers on port \(port)") {
            try command(["sh", "-c", "exec 3<>/dev/tcp/\(host)/\(number)"]).status == 0
                || command(["bash", "-c", "exec 3<>/dev/tcp/\(host)/\(number)"]).status == 0
        }
    }

    deinit {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
        try? FileManager.default.removeItem(atPath: directory)
    }

    func name(_ image: String) -> String { "\(address):\(port)/\(image)" }

    /// `ca.crt`, `server.pem` with its key, `client.cert` with its key.
    private static func makeCertificates(_ directory: String, _ names: [String]) throws {
        let subjects = names.map { ($0.allSatisfy { $0.isNumber || $0 == "." } ? "IP:" : "DNS:") + $0 }
        try "subjectAltName=\(subjects.joined(separator: ","))".write(
            toFile: directory + "/names", atomically: false, encoding: .utf8)
        let script = """
            cd \(directory)
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -days 2 \
            -subj /CN=test-authority
            for who in server client; do
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $who.key -out $who.csr -subj /CN=$who
            openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out $who.pem
            done
            mv client.pem client.cert
            """
        try succeed(["bash", "-ec", "{\n\(script)\n} 2>/dev/null"])
    }

    /// Gives a daemon what it needs to trust this registry, until the value is gone.
    func trust(as host: String? = nil, client: Bool = false) throws -> Trusted {
        let folder = "/etc/gantry/certs.d/\(host ?? "\(address):\(port)")"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for file in ["ca.crt"] + (client ? ["client.cert", "client.key"] : []) {
            try FileManager.default.copyItem(atPath: "\(directory)/\(file)", toPath: "\(folder)/\(file)")
        }
        return Trusted(folder: folder)
    }

    final class Trusted: Sendable {
        private let folder: String
        init(folder: String) { self.folder = folder }
        deinit {
            try? FileManager.default.removeItem(atPath: folder)
            // The directories above, when nobody else uses them.
            rmdir("/etc/gantry/certs.d")
            rmdir("/etc/gantry")
        }
    }
}
