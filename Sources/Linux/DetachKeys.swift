/// The keys that end an attach and leave the process running.
package struct DetachKeys: Sendable, Equatable {
    package let bytes: [UInt8]

    /// Ctrl-P Ctrl-Q.
    package static let standard = DetachKeys(bytes: [0x10, 0x11])

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads Docker's notation: `ctrl-p,ctrl-q`, `ctrl-@`, `a,DEL`. Nil when it is not that; the empty text means
    /// the standard keys.
    package init?(parsing text: String) {
        if text.isEmpty {
            self = .standard
            return
        }
        var bytes: [UInt8] = []
        for key in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let byte = Self.byte(key) else { return nil }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    private static func byte(_ key: Substring.UTF8View) -> UInt8? {
        guard let last = key.last else { return nil }
        if key.count == 1 { return last }
        if key.elementsEqual("DEL".utf8) { return 0x7F }
        guard key.count == 6, key.starts(with: "ctrl-".utf8) else { return nil }
        switch last {
        case 0x61...0x7A: return last - 0x60
        // @ [ \ ] ^ _ as on a terminal.
        case 0x40, 0x5B...0x5F: return last - 0x40
        default: return nil
        }
    }
}

/// Looks for the detach keys in typed bytes and passes on everything else. Keys that only began the sequence are held back
/// until it is clear what they are.
///
/// As Docker's `term.NewEscapeProxy`: a byte that breaks the sequence does not begin it anew, so that `a,a,b` is not found in `aaab`.
package struct DetachFilter: Sendable {
    private let keys: [UInt8]
    private var matched = 0

    package init(_ keys: DetachKeys) {
        self.keys = keys.bytes
    }

    /// What of `input` may be passed on, and whether the sequence is complete.
    package mutating func feed(_ input: some Sequence<UInt8>) -> (passed: [UInt8], isDetached: Bool) {
        var passed: [UInt8] = []
        passed.reserveCapacity(input.underestimatedCount)
        for byte in input {
            if byte == keys[matched] {
                matched += 1
                if matched == keys.count {
                    matched = 0
                    return (passed, true)
                }
            } else {
                passed += keys[..<matched]
                passed.append(byte)
                matched = 0
            }
        }
        return (passed, false)
    }
}
