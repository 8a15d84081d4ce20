internal import ByteText

/// The keys that leave a container running: recognised here, so that they never reach it.
package struct DetachKeys {
    private let sequence: [UInt8]
    private var matched = 0

    /// `ctrl-p,ctrl-q` when `text` is nil or empty.
    package init(_ text: String?) throws(CommandError) {
        let given = text ?? ""
        guard let sequence = DetachKeys.parse(given.isEmpty ? "ctrl-p,ctrl-q" : given) else {
            throw CommandError("Unknown character: '\(given)'")
        }
        self.sequence = sequence
    }

    /// The bytes of a comma-separated list of letters and `ctrl-x`, or nil.
    static func parse(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for key in text.split(byte: ",", omittingEmptySubsequences: false) {
            let lower = key.lowercased()
            if lower.hasBytePrefix("ctrl-"), lower.utf8.count == 6, let letter = lower.utf8.last {
                switch letter {
                case 0x61...0x7a: bytes.append(letter - 0x60)
                case 0x40: bytes.append(0)
                case 0x5b...0x5f: bytes.append(letter - 0x40)
                default: return nil
                }
            } else if key.utf8.count == 1, let letter = key.utf8.first {
                bytes.append(letter)
            } else {
                return nil
            }
        }
        return bytes
    }

    /// What of `bytes` is to be sent, and whether the sequence was completed.
    package mutating func filter(_ bytes: [UInt8]) -> (send: [UInt8], isDetached: Bool) {
        var send: [UInt8] = []
        for byte in bytes {
            if byte == sequence[matched] {
                matched += 1
                if matched == sequence.count { return (send, true) }
                continue
            }
            // What was held back belongs to the container after all.
            send += sequence[..<matched]
            matched = byte == sequence[0] ? 1 : 0
            if matched == 0 { send.append(byte) }
            if matched == sequence.count { return (send, true) }
        }
        return (send, false)
    }
}
