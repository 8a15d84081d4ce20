/// An object's members by their names without regard to case, as encoding/json in Go matches them: the long s (U+017F) is an s
/// for it, and the Kelvin sign (U+212A) a k.
struct FoldedMembers {
    private var members: [String: JSON] = [:]
    /// Names of which there are several.
    private var clashes: [String: (String, String)] = [:]

    init(_ object: JSONObject) {
        members.reserveCapacity(object.count)
        var names: [String: String] = [:]
        for (name, value) in object {
            let folded = FoldedMembers.folded(name)
            if members.updateValue(value, forKey: folded) != nil { clashes[folded] = (names[folded] ?? name, name) }
            names[folded] = name
        }
    }

    func contains(_ name: String) -> Bool { members[FoldedMembers.folded(name)] != nil }

    /// The member that `name` means; more than one is an error.
    func value(_ name: String) throws(JSONError) -> JSON? {
        let folded = FoldedMembers.folded(name)
        if !clashes.isEmpty, let (one, other) = clashes[folded] {
            throw JSONError(
                "members \(JSON.string(one).text()) and \(JSON.string(other).text()) both mean \(name); send one of them"
            )
        }
        return members[folded]
    }

    static func folded(_ name: String) -> String {
        var name = name
        let ascii = name.withUTF8 { bytes -> String? in
            guard bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
            return String(unsafeUninitializedCapacity: bytes.count) { target in
                for (index, byte) in bytes.enumerated() { target[index] = (65...90).contains(byte) ? byte + 32 : byte }
                return bytes.count
            }
        }
        if let ascii { return ascii }
        return name.unicodeScalars.map { scalar in
            switch scalar.value {
            case 65...90: String(Unicode.Scalar(UInt8(scalar.value) + 32))
            case 0x17F: "s"
            case 0x212A: "k"
            default: String(scalar)
            }
        }.joined()
    }
}
