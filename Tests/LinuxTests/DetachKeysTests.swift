import Linux
import Testing

private func feed(_ pieces: [String], keys: String = "") throws -> (passed: String, detached: Bool) {
    var filter = DetachFilter(try #require(DetachKeys(parsing: keys)))
    var passed: [UInt8] = []
    for piece in pieces {
        let result = filter.feed(piece.utf8)
        passed += result.passed
        if result.isDetached { return (String(decoding: passed, as: UTF8.self), true) }
    }
    return (String(decoding: passed, as: UTF8.self), false)
}

@Suite struct DetachKeysTests {
    @Test(
        arguments: [
            ("", [0x10, 0x11]), ("ctrl-p,ctrl-q", [0x10, 0x11]), ("ctrl-@,a", [0, 0x61]),
            ("ctrl-[,ctrl-_", [0x1B, 0x1F]),
            ("ctrl-\\", [0x1C]), ("x", [0x78]), ("DEL,x", [0x7F, 0x78]),
        ] as [(String, [UInt8])])
    func readsDockersNotation(text: String, bytes: [UInt8]) {
        #expect(DetachKeys(parsing: text)?.bytes == bytes)
    }

    @Test(arguments: ["ctrl-", "ctrl-pp", "ctrl-P", "ab", "a,,b", ",", "ctrl-1", "CTRL-p", "a\u{301}", "del"])
    func refusesOtherNotations(text: String) {
        #expect(DetachKeys(parsing: text) == nil)
    }

    @Test func findsTheKeysAcrossPieces() throws {
        #expect(try feed(["ab\u{10}", "\u{11}cd"]) == ("ab", true))
        #expect(try feed(["\u{10}x", "y"]) == ("\u{10}xy", false))
        #expect(try feed(["aab"], keys: "a,a,b") == ("", true))
        #expect(try feed(["aaac"], keys: "a,a,b") == ("aaac", false))
        #expect(try feed(["plain"]) == ("plain", false))
    }

    /// What Docker's term.NewEscapeProxy does: a key that breaks the sequence does not begin it anew.
    @Test(arguments: [["aaab"], ["a", "a", "a", "b"], ["aa", "ab"]])
    func overlappingKeysDoNotDetach(pieces: [String]) throws {
        #expect(try feed(pieces, keys: "a,a,b") == ("aaab", false))
        #expect(try feed(["\u{10}\u{10}\u{11}"]) == ("\u{10}\u{10}\u{11}", false))
        #expect(try feed(["\u{10}\u{10}\u{11}\u{10}", "\u{11}"]) == ("\u{10}\u{10}\u{11}", true))
    }
}
