internal import ByteText
package import NIOCore

/// The keys that end an attach and leave the process running.
package struct DetachKeys: Sendable, Equatable {
    package let bytes: [UInt8]

    /// Ctrl-P Ctrl-Q.
    package static let standard = DetachKeys(bytes: [0x10, 0x11])

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads Docker's notation: `ctrl-p,ctrl-q`, `ctrl-@`, `a,b`. Nil when it is not that; the empty text means
    /// the standard keys.
    package init?(parsing text: String) {
        if text.isEmpty {
            self = .standard
            return
        }
        var bytes: [UInt8] = []
        for key in text.split(byte: ",", omittingEmptySubsequences: false) {
            let characters = [UInt8](key.utf8)
            if characters.count == 1 {
                bytes.append(characters[0])
            } else if characters.count == 6, key.hasBytePrefix("ctrl-") {
                switch characters[5] {
                case 0x61...0x7A: bytes.append(characters[5] - 0x60)
                // @ [ \ ] ^ _ as on a terminal.
                case 0x40, 0x5B...0x5F: bytes.append(characters[5] - 0x40)
                default: return nil
                }
            } else {
                return nil
            }
        }
        self.bytes = bytes
    }
}

/// Looks for the detach keys in typed bytes and passes on everything else. Keys that only began the sequence are
/// held back until it is clear what they are.
package struct DetachFilter {
    private let keys: [UInt8]
    private var matched = 0

    package init(_ keys: DetachKeys) {
        self.keys = keys.bytes
    }

    package mutating func feed(_ input: ByteBuffer) -> (bytes: ByteBuffer, detached: Bool) {
        let view = input.readableBytesView
        guard let first = keys.first, matched > 0 || view.contains(first) else { return (input, false) }
        var passed = ByteBuffer()
        for byte in view {
            if byte == keys[matched] {
                matched += 1
                if matched == keys.count {
                    matched = 0
                    return (passed, true)
                }
            } else {
                // Let go of the held keys one by one until the rest, with this byte, is a beginning again.
                var held = Array(keys[..<matched]) + [byte]
                while !held.isEmpty, !keys.starts(with: held) { passed.writeInteger(held.removeFirst()) }
                matched = held.count
            }
        }
        return (passed, false)
    }
}
