import Monitor
import MonitorProtocol
import Testing

struct LogFormatterTests {
    private func lines(_ chunks: [[UInt8]], finish: Bool = true) -> [String] {
        var formatter = LogFormatter()
        var bytes: [UInt8] = []
        for chunk in chunks { bytes += chunk.withUnsafeBytes { formatter.format($0, stream: 1, time: "T") } }
        if finish { bytes += formatter.finish(time: "T") }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { String($0) }
    }

    private func record(_ text: String) -> String { #"{"log":"\#(text)","stream":"stdout","time":"T"}"# }

    @Test func joinsLinesAndKeepsTheLast() {
        #expect(lines([Array("a".utf8), Array("b\nc".utf8)]) == [record(#"ab\n"#), record("c")])
    }

    @Test func splitsAt16KiB() {
        let long = [UInt8](repeating: 0x78, count: 40000) + [0x0a]
        let result = lines([long])
        #expect(result.count == 3)
        #expect(result[0] == record(String(repeating: "x", count: 16384)))
        #expect(result[2] == record(String(repeating: "x", count: 40000 - 32768) + #"\n"#))
    }

    @Test(arguments: ["ä", "€", "😀"], 0..<4)
    func cutsBetweenCharacters(character: String, shift: Int) {
        let text = String(repeating: "x", count: shift) + String(repeating: character, count: 20000)
        let result = lines([Array((text + "\n").utf8)])
        #expect(!result.contains { $0.contains("ufffd") })
        #expect(result.count == character.utf8.count * 20000 / 16384 + 1)
    }

    @Test func waitsForNoMoreThanACharacter() {
        // Bytes that begin no character, or one that never comes.
        for bytes: [UInt8] in [[0xff], [0x80, 0x80, 0x80, 0x80], [0xf0, 0x9f], [0xe2]] {
            let long = [UInt8](repeating: 0x78, count: 16384 - bytes.count) + bytes + [0x79, 0x0a]
            #expect(lines([long]).count == 2)
        }
    }

    @Test func escapesAsDocker() {
        #expect(
            lines([Array("<>&\"\\\t\r\u{1}\u{2028}é".utf8)]) == [
                record(#"\u003c\u003e\u0026\"\\\u0009\r\u0001\u2028é"#)
            ])
        #expect(lines([[0x61, 0xff, 0xc3, 0x62, 0xed, 0xa0, 0x80]]) == [record(#"a\ufffd\ufffdb\ufffd\ufffd\ufffd"#)])
    }
}
