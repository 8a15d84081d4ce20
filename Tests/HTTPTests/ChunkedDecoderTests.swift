import HTTP
import NIOCore
import Testing

/// Feeds `text` in pieces of `size` bytes; returns the decoded data, whether the end was seen, and the rest.
private func decode(_ text: String, pieces size: Int = .max) throws -> (data: String, ended: Bool, rest: String) {
    var decoder = ChunkedDecoder()
    var waiting = ByteBuffer(string: text)
    var buffer = ByteBuffer()
    var data = ""
    while true {
        switch try decoder.step(&buffer) {
        case .data(let piece): data += String(buffer: piece)
        case .end:
            buffer.writeBuffer(&waiting)
            return (data, true, String(buffer: buffer))
        case .needsMore:
            guard var next = waiting.readSlice(length: min(size, waiting.readableBytes)), next.readableBytes > 0 else {
                return (data, false, String(buffer: buffer))
            }
            buffer.writeBuffer(&next)
        }
    }
}

@Suite struct ChunkedDecoderTests {
    @Test(arguments: [1, 2, 3, 7, 1000])
    func joinsChunksAndDropsTrailers(size: Int) throws {
        let text = "5\r\nhello\r\n00A;x=\"y\"\r\n, worlds!!\r\n0\r\nX-Sum: 1\r\n\r\nGET"
        let result = try decode(text, pieces: size)
        #expect(result.data == "hello, worlds!!")
        #expect(result.ended)
        #expect(result.rest == "GET")
    }

    @Test func waitsForCompleteEnd() throws {
        #expect(try decode("3\r\nabc\r\n0\r\n").ended == false)
        #expect(try decode("3\r\nab").ended == false)
    }

    @Test(arguments: [
        "\r\nabc", "g\r\n", "-1\r\n", "0x3\r\nabc\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n", "3\r\nabc\rX",
        " 3\r\nabc\r\n", "3 3\r\nabc\r\n", "fffffffffffffffff\r\n", "3;\u{1}\r\nabc\r\n", "3\r\r\nabc\r\n",
        "0\r\nbroken trailer\r\n\r\n", "0\r\n: x\r\n\r\n",
    ])
    func refusesWhatBreaksTheGrammar(text: String) {
        #expect(throws: HTTPError.self) { try decode(text) }
    }

    @Test func boundsHeadersAndTrailers() {
        #expect(throws: HTTPError.self) { try decode("3;" + String(repeating: "x", count: 5000)) }
        let trailers = String(repeating: "a: " + String(repeating: "b", count: 1000) + "\r\n", count: 20)
        #expect(throws: HTTPError.self) { try decode("0\r\n" + trailers + "\r\n") }
    }
}
