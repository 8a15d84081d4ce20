internal import ByteText

/// The name of content: algorithm and hash, as in `sha256:4355a46b…` (OCI image-spec, descriptor.md).
///
/// Every value is valid: an algorithm of exactly one length, lower-case hexadecimal digits only. So a digest can be
/// used in a path or an address as it is (CVE-2024-3727).
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    package enum Algorithm: String, Sendable, CaseIterable {
        case sha256
        case sha512

        /// The number of hexadecimal digits.
        package var length: Int { self == .sha256 ? 64 : 128 }
    }

    package let algorithm: Algorithm
    /// Lower-case hexadecimal digits, 64 or 128.
    package let hex: String

    package init(_ text: String) throws(OCIError) {
        guard
            let algorithm: Algorithm = text.hasBytePrefix("sha256:")
                ? .sha256 : text.hasBytePrefix("sha512:") ? .sha512 : nil
        else { throw .invalidDigest(text) }
        // Both names have six letters.
        try self.init(algorithm, hex: String(text.utf8.dropFirst(7)) ?? "")
    }

    /// From its digits alone.
    package init(_ algorithm: Algorithm, hex: String) throws(OCIError) {
        var hex = hex
        let isValid = hex.withUTF8 { $0.count == algorithm.length && Self.isHex($0) }
        guard isValid else { throw .invalidDigest("\(algorithm.rawValue):\(hex)") }
        self.algorithm = algorithm
        self.hex = hex
    }

    /// From the bytes of a hash: 32 for `sha256`, 64 for `sha512`.
    package init(_ algorithm: Algorithm, hash: some Sequence<UInt8>) {
        var digits: [UInt8] = []
        digits.reserveCapacity(algorithm.length)
        for byte in hash {
            digits.append(Self.alphabet[Int(byte >> 4)])
            digits.append(Self.alphabet[Int(byte & 15)])
        }
        precondition(digits.count == algorithm.length)
        self.algorithm = algorithm
        hex = String(decoding: digits, as: UTF8.self)
    }

    /// Cryptographic hashes are spread evenly: their first 64 bits do.
    package func hash(into hasher: inout Hasher) {
        var digits = hex
        digits.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: $0.prefix(16)))) }
    }

    package var description: String { "\(algorithm.rawValue):\(hex)" }

    /// The first twelve digits, as people see them.
    package var short: String { String(hex.prefix(12)) }

    private static let alphabet = Array("0123456789abcdef".utf8)

    static func isHex(_ digits: some Sequence<UInt8>) -> Bool {
        digits.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}
