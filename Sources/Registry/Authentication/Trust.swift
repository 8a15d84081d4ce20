internal import ByteText
internal import Glibc
internal import Linux
internal import NIOSSL

/// The certificates for one registry: which authorities to accept and which client certificate to present. Read from Docker's
/// `certs.d/HOST[:PORT]`.
struct Trust: Hashable, Sendable {
    /// Accept any certificate, because the registry is listed as insecure.
    let acceptsAnyCertificate: Bool
    /// Certificate authorities in addition to the system's.
    let authorities: [String]
    let certificate: String?
    let key: String?
    /// Changes with the files, so that new certificates take effect at once.
    private let version: [Int]

    /// The system's authorities and no client certificate.
    static let system = Trust(acceptsAnyCertificate: false, authorities: [], certificate: nil, key: nil, version: [])

    private init(acceptsAnyCertificate: Bool, authorities: [String], certificate: String?, key: String?, version: [Int])
    {
        self.acceptsAnyCertificate = acceptsAnyCertificate
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.version = version
    }

    /// From the first of `directories` that has a folder for `authority`.
    init(for authority: String, in directories: [String], acceptsAnyCertificate: Bool) throws(RegistryError) {
        for directory in directories {
            let folder = directory + "/" + authority
            guard let names = Directory.read(folder) else { continue }
            try self.init(folder, names.sorted(), acceptsAnyCertificate: acceptsAnyCertificate)
            return
        }
        self.init(
            acceptsAnyCertificate: acceptsAnyCertificate, authorities: [], certificate: nil, key: nil, version: [])
    }

    /// Docker's rules: `.crt` is an authority; `.cert` and `.key` come in pairs.
    private init(_ folder: String, _ names: [String], acceptsAnyCertificate: Bool) throws(RegistryError) {
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
            acceptsAnyCertificate: acceptsAnyCertificate,
            authorities: names.filter { $0.hasByteSuffix(".crt") }.map { "\(folder)/\($0)" },
            certificate: certificates.first.map { "\(folder)/\($0)" },
            key: certificates.first.map { "\(folder)/\($0.dropLast(4))key" }, version: version)
    }

    /// The TLS configuration; an unreadable file is named in the error.
    func configuration() throws(RegistryError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if acceptsAnyCertificate { configuration.certificateVerification = .none }
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
