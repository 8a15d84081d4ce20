internal import ByteText
package import NIOCore

/// How the length of a request body is determined (RFC 9112, section 6).
package enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
}

/// The request line and headers, checked.
package struct RequestHead: Sendable {
    package let method: String
    package let target: RequestTarget
    /// 0 or 1, of HTTP/1.x.
    package let minorVersion: Int
    package let headers: HTTPHeaders
    package let framing: BodyFraming
    package let keepAlive: Bool
    package let expectsContinue: Bool
}

/// Incremental, strict parser of a request head.
///
/// Refuses everything that two servers could parse differently (request smuggling): lines end with CRLF only, no space before a
/// field's colon, no folded lines, one `Content-Length` of digits and never together with `Transfer-Encoding`, and no coding but
/// `chunked`.
package struct RequestHeadParser {
    private let limit: Int
    /// How many bytes after the reader index were searched, and where the current line began.
    private var searched = 0
    private var lineStart = 0
    private var lines: [Range<Int>] = []

    package init(limit: Int) {
        self.limit = limit
    }

    /// Nothing of a head has been received yet.
    package var isFresh: Bool { searched == 0 }

    /// Consumes a whole head from `buffer`, or returns nil when more bytes are needed.
    package mutating func parse(_ buffer: inout ByteBuffer) throws(HTTPError) -> RequestHead? {
        if isFresh {
            // One empty line before a request is accepted (RFC 9112, section 2.2).
            if buffer.readableBytesView.starts(with: [0x0D, 0x0A]) { buffer.moveReaderIndex(forwardBy: 2) }
            if let first = buffer.readableBytesView.first, first != 0x0D, !isTokenByte(first) {
                throw .malformed("this is not HTTP")
            }
        }
        guard let end = try endOfHead(buffer) else { return nil }
        let head = try checkedHead(buffer)
        buffer.moveReaderIndex(forwardBy: end)
        self = RequestHeadParser(limit: limit)
        return head
    }

    /// The offset after the empty line, with `lines` filled.
    private mutating func endOfHead(_ buffer: ByteBuffer) throws(HTTPError) -> Int? {
        var index = searched
        var start = lineStart
        var found = lines
        var fault: String?
        let end = buffer.withUnsafeReadableBytes { bytes -> Int? in
            while index < bytes.count {
                let byte = bytes[index]
                if byte == 0x0A {
                    guard index > start, bytes[index - 1] == 0x0D else {
                        fault = "line feed without carriage return"
                        return nil
                    }
                    if index - 1 == start { return index + 1 }
                    found.append(start..<(index - 1))
                    start = index + 1
                } else if index > start, bytes[index - 1] == 0x0D {
                    fault = "carriage return inside a line"
                    return nil
                }
                index += 1
            }
            return nil
        }
        searched = index
        lineStart = start
        lines = found
        if let fault { throw .malformed(fault) }
        if (end ?? index) > limit { throw .headTooLarge(limit: limit) }
        if end != nil, found.isEmpty { throw .malformed("empty request line") }
        return end
    }

    private func checkedHead(_ buffer: ByteBuffer) throws(HTTPError) -> RequestHead {
        let base = buffer.readerIndex
        func bytes(_ range: Range<Int>) -> ByteBufferView {
            buffer.viewBytes(at: base + range.lowerBound, length: range.count) ?? ByteBufferView()
        }
        let (method, target, minorVersion) = try requestLine(bytes(lines[0]))
        guard lines.count <= 257 else { throw .malformed("more than 256 header fields") }
        var headers = HTTPHeaders()
        for line in lines.dropFirst() {
            let (name, value) = try field(bytes(line))
            headers.add(name, value)
        }
        if minorVersion == 1, headers.values("Host").count != 1 {
            throw .malformed("exactly one Host field is required")
        }
        let options = headers.tokens("Connection")
        var expectsContinue = false
        if let expectation = headers["Expect"] {
            guard expectation.lowercased() == "100-continue" else { throw .unsupportedExpectation(expectation) }
            expectsContinue = minorVersion == 1
        }
        return RequestHead(
            method: method, target: try RequestTarget(target), minorVersion: minorVersion, headers: headers,
            framing: try framing(headers, minorVersion), keepAlive: minorVersion == 1 && !options.contains("close"),
            expectsContinue: expectsContinue)
    }

    private func requestLine(_ line: ByteBufferView) throws(HTTPError) -> (String, String, Int) {
        let pieces = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard pieces.count == 3 else { throw .malformed("request line") }
        guard !pieces[0].isEmpty, pieces[0].allSatisfy(isTokenByte) else { throw .malformed("method") }
        guard !pieces[1].isEmpty, pieces[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .malformed("request target")
        }
        let version = String(decoding: pieces[2], as: UTF8.self)
        switch version {
        case "HTTP/1.1": return (text(pieces[0]), text(pieces[1]), 1)
        case "HTTP/1.0": return (text(pieces[0]), text(pieces[1]), 0)
        default:
            guard version.hasBytePrefix("HTTP/") else { throw .malformed("protocol version") }
            throw .unsupportedVersion(String(version.prefix(16)))
        }
    }

    private func field(_ line: ByteBufferView) throws(HTTPError) -> (String, String) {
        guard let first = line.first, first != 0x20, first != 0x09 else { throw .malformed("folded header field") }
        guard let colon = line.firstIndex(of: 0x3A) else { throw .malformed("header field without a colon") }
        let name = line[..<colon]
        guard !name.isEmpty, name.allSatisfy(isTokenByte) else { throw .malformed("header field name") }
        // text: bytes
        var value = line[line.index(after: colon)...]
        while let first = value.first, first == 0x20 || first == 0x09 { value = value.dropFirst() }
        while let last = value.last, last == 0x20 || last == 0x09 { value = value.dropLast() }
        guard value.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
            throw .malformed("control character in header field \(text(name))")
        }
        return (text(name), text(value))
    }

    private func framing(_ headers: HTTPHeaders, _ minorVersion: Int) throws(HTTPError) -> BodyFraming {
        let lengths = headers.values("Content-Length")
        let codings = headers.values("Transfer-Encoding")
        if !codings.isEmpty {
            guard lengths.isEmpty else { throw .malformed("both Content-Length and Transfer-Encoding") }
            guard minorVersion == 1 else { throw .malformed("Transfer-Encoding in HTTP/1.0") }
            guard codings.count == 1 else { throw .malformed("more than one Transfer-Encoding") }
            guard codings[0].lowercased() == "chunked" else { throw .unsupportedTransferCoding(codings[0]) }
            return .chunked
        }
        guard let length = lengths.first else { return .none }
        guard lengths.count == 1 else { throw .malformed("more than one Content-Length") }
        guard !length.isEmpty, length.utf8.count <= 18, length.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let count = Int(length)
        else { throw .malformed("Content-Length") }
        return count == 0 ? .none : .length(count)
    }
}

private func text(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
}

/// RFC 9110, section 5.6.2.
func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
    default: false
    }
}
