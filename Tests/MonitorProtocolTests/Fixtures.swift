import Foundation
import Testing

/// The messages of a release, in hexadecimal: `kind name bytes` a line. A name with `*` was not recorded but written by hand.
struct Fixtures {
    struct Row: CustomTestStringConvertible, Sendable {
        var kind: String
        var name: String
        var bytes: [UInt8]

        var testDescription: String { "\(kind) \(name)" }
    }

    static func path(_ version: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/\(version).txt"
    }

    static func rows(_ version: String) throws -> [Row] {
        guard FileManager.default.fileExists(atPath: path(version)) else { return [] }
        return try String(contentsOfFile: path(version), encoding: .utf8).split(separator: "\n").filter {
            !$0.hasPrefix("#")
        }
        .map { line in
            let words = line.split(separator: " ").map(String.init)
            return Row(
                kind: words[0], name: words[1].replacingOccurrences(of: "*", with: ""), bytes: bytes(words[2]))
        }
    }

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.map { UInt8(String(UnicodeScalar($0)), radix: 16)! }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    static func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }
}
