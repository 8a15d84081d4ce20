internal import ByteText
internal import DockerAPI

/// A version of the API: `1.43`.
package struct ProtocolVersion: Comparable, Sendable, CustomStringConvertible {
    let major: Int
    let minor: Int

    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(byte: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 4 }),
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }),
            let major = Int(parts[0]), let minor = Int(parts[1])
        else { return nil }
        self.init(major, minor)
    }

    package static let newest = ProtocolVersion(APIVersion.newest) ?? ProtocolVersion(1, 50)
    package static let oldest = ProtocolVersion(APIVersion.oldest) ?? ProtocolVersion(1, 24)

    package static func < (one: ProtocolVersion, other: ProtocolVersion) -> Bool {
        (one.major, one.minor) < (other.major, other.minor)
    }

    package var description: String { "\(major).\(minor)" }

    /// Takes the version off the front of a path: `/v1.43/info` is 1.43 and `/info`. No prefix means the newest.
    package static func split(_ path: String) -> (version: ProtocolVersion, rest: String) {
        guard path.hasBytePrefix("/v") else { return (newest, path) }
        let end = path.dropFirst(2).firstIndex(ofByte: "/") ?? path.endIndex
        guard let version = ProtocolVersion(path[..<end].dropFirst(2)) else { return (newest, path) }
        return (version, String(path[end...]))
    }

    /// Refuses versions outside the range with Docker's words.
    package func check() throws(APIError) {
        if self > Self.newest {
            throw .badRequest(
                "client version \(self) is too new. Maximum supported API version is \(Self.newest)")
        }
        if self < Self.oldest {
            throw .badRequest(
                "client version \(self) is too old. Minimum supported API version is \(Self.oldest), "
                    + "please upgrade your client to a newer version")
        }
    }
}
