internal import Crypto
package import OCI

/// An incremental SHA-256 or SHA-512.
package struct ContentHash: Sendable {
    private enum State: Sendable {
        case sha256(SHA256)
        case sha512(SHA512)
    }

    private var state: State

    package init(_ algorithm: OCI.Digest.Algorithm = .sha256) {
        state = algorithm == .sha256 ? .sha256(SHA256()) : .sha512(SHA512())
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .sha256(var hash):
            hash.update(bufferPointer: bytes)
            state = .sha256(hash)
        case .sha512(var hash):
            hash.update(bufferPointer: bytes)
            state = .sha512(hash)
        }
    }

    /// The digest of all bytes so far.
    package var digest: OCI.Digest {
        switch state {
        case .sha256(let hash): OCI.Digest(.sha256, hash: hash.finalize())
        case .sha512(let hash): OCI.Digest(.sha512, hash: hash.finalize())
        }
    }

    /// The digest of `bytes`.
    package static func digest(of bytes: [UInt8], _ algorithm: OCI.Digest.Algorithm = .sha256) -> OCI.Digest {
        var hash = ContentHash(algorithm)
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.digest
    }
}
