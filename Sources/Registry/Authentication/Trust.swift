internal import ByteText
internal import Glibc
internal import Linux
internal import NIOSSL

/// Whom to believe that it is a certain registry, and what to show it: Docker's `certs.d/HOST[:PORT]`.
struct Trust: Hashable, Sendable {
    /// Any certificate will do: the registry is named insecure.
    let isBlind: Bool
    /// Certificate authorities beside the system's.
    let authorities: [String]
    let certificate: String?
    let key: String?
    /// Changes when a file does, so that new certificates count at once.
    private let version: [Int]

    /// The system's authorities and nothing to show.
    static let system = Trust(isBlind: false, authorities: [], certificate: nil, key: nil, version: [])

    private init(isBlind: Bool, authorities: [String], certificate: String?, key: String?, version: [Int]) {
        self.isBlind = isBlind
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.version = version
    }

    /// What the first of `directories` with a folder for `authority` says.
    init(for authority: String, in directories: [String], isBlind: Bool) throws(RegistryError) {
        for directory in directories {
            let folder = directory + "/" + authority
            guard let names = Directory.read(folder) else { continue }
            try self.init(folder, names.sorted(), isBlind: isBlind)
            return
        }
        self.init(isBlind: isBlind, authorities: [], certificate: nil, key: nil, version: [])
    }

    /// Docker's rules: `.crt` is an authority; `.cert` and `.key` come in pairs.
    private init(_ folder: String, _ names: [String], isBlind: Bool) throws(RegistryError) {
        let certificates = names.filter { $0.hasByteSuffix(".cert") }
        let keys = names.filter { $0.hasByteSuffix(".key") }
        for name in certificates where !keys.contains(name.dropLast(4) + "key") {
            throw .invalid(
                "missing key \(name.dropLast(4))key for client certificate \(name) in \(folder); "
                    + "CA certificates must use the extension .crt")
        }
        for name in keys where !certificates.contains(name.dropLast(3) + "cert") {
            throw .invalid("missing client certificate \(name.dropLast(3))cert for key \(name) in \(folder)")
        }
        let used = names.filter { $0.hasByteSuffix(".crt") } + certificates + keys
        var version: [Int] = []
        for name in used {
            var status = stat()
            if stat(folder + "/" + name, &status) == 0 {
                version += [Int(status.st_ino), status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
            }
        }
        self.init(
            isBlind: isBlind, authorities: names.filter { $0.hasByteSuffix(".crt") }.map { "\(folder)/\($0)" },
            certificate: certificates.first.map { "\(folder)/\($0)" },
            key: certificates.first.map { "\(folder)/\($0.dropLast(4))key" }, version: version)
    }

    /// For a connection. A file that cannot be read is named.
    func configuration() throws(RegistryError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if isBlind { configuration.certificateVerification = .none }
        do {
            for path in authorities {
                configuration.additionalTrustRoots.append(.certificates(try NIOSSLCertificate.fromPEMFile(path)))
            }
            if let certificate, let key {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            }
        } catch {
            let files = authorities + [certificate, key].compactMap { $0 }
            throw .invalid("cannot read the certificates in \(files.joined(separator: ", ")): \(error)")
        }
        return configuration
    }
}
