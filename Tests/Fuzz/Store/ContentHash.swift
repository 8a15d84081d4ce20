package import OCI

/// In place of SHA-256: the fuzzer needs bytes that differ for inputs that differ, and no other package.
package struct ContentHash: Sendable {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325
    private let algorithm: OCI.Digest.Algorithm

    package init(_ algorithm: OCI.Digest.Algorithm = .sha256) { self.algorithm = algorithm }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    package var digest: OCI.Digest {
        var bytes: [UInt8] = []
        var value = state
        for _ in 0..<(algorithm == .sha256 ? 4 : 8) {
            withUnsafeBytes(of: value) { bytes += $0 }
            value = value &* 0x100_0000_01b3 ^ state
        }
        return OCI.Digest(algorithm, hash: bytes)
    }

    package static func digest(of bytes: [UInt8], _ algorithm: OCI.Digest.Algorithm = .sha256) -> OCI.Digest {
        var hash = ContentHash(algorithm)
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.digest
    }
}
