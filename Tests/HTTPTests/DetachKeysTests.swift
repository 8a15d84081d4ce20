import HTTP
import NIOCore
import Testing

private func feed(_ pieces: [String], keys: String = "") throws -> (passed: String, detached: Bool) {
    var filter = DetachFilter(try #require(DetachKeys(parsing: keys)))
    var passed = ""
    for piece in pieces {
        let result = filter.feed(ByteBuffer(string: piece))
        passed += String(buffer: result.bytes)
        if result.detached { return (passed, true) }
    }
    return (passed, false)
}

@Suite struct DetachKeysTests {
    @Test(
        arguments: [
            ("", [0x10, 0x11]), ("ctrl-p,ctrl-q", [0x10, 0x11]), ("ctrl-@,a", [0, 0x61]),
            ("ctrl-[,ctrl-_", [0x1B, 0x1F]),
            ("ctrl-\\", [0x1C]), ("x", [0x78]),
        ] as [(String, [UInt8])])
    func readsDockersNotation(text: String, bytes: [UInt8]) {
        #expect(DetachKeys(parsing: text)?.bytes == bytes)
    }

    @Test(arguments: ["ctrl-", "ctrl-pp", "ctrl-P", "ab", "a,,b", ",", "ctrl-1", "CTRL-p"])
    func refusesOtherNotations(text: String) {
        #expect(DetachKeys(parsing: text) == nil)
    }

    @Test func findsTheKeysAcrossPieces() throws {
        #expect(try feed(["ab\u{10}", "\u{11}cd"]) == ("ab", true))
        #expect(try feed(["\u{10}\u{10}\u{11}"]) == ("\u{10}", true))
        #expect(try feed(["\u{10}x", "y"]) == ("\u{10}xy", false))
        #expect(try feed(["aab"], keys: "a,b") == ("a", true))
        #expect(try feed(["aaac"], keys: "a,a,b") == ("aaac", false))
        #expect(try feed(["aaab"], keys: "a,a,b") == ("a", true))
        #expect(try feed(["plain"]) == ("plain", false))
    }
}
