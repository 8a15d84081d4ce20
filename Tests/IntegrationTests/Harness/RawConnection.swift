import Foundation
import Glibc

/// A unix socket spoken to byte by byte, where what is tested is the bytes.
final class RawConnection {
    private let descriptor: Int32
    private(set) var received: [UInt8] = []

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw HarnessError("cannot connect to \(path): errno \(errno)") }
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw HarnessError("cannot send \(bytes.count) bytes: errno \(errno)")
        }
    }

    /// A request with a body, as clients write it.
    func request(_ method: String, _ path: String, headers: [String] = [], body: String? = nil) throws {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: docker"] + headers
        if let body { lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
        try send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    }

    /// End of what this side sends; the other direction stays open.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Reads once; false at the end.
    @discardableResult
    private func read(_ milliseconds: Int32) throws -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, milliseconds) > 0 else {
            throw HarnessError("nothing more came; received: \(text.debugDescription)")
        }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { received += buffer[..<count] }
        return count > 0
    }

    func forget() { received = [] }

    var text: String { String(decoding: received, as: UTF8.self) }

    /// Reads until the whole head is there; takes it off what was received.
    func head(seconds: Int32 = 30) throws -> Head {
        let end: [UInt8] = [13, 10, 13, 10]
        while true {
            if let range = received.firstRange(of: end) {
                let head = Head(String(decoding: received[..<range.lowerBound], as: UTF8.self))
                received.removeSubrange(..<range.upperBound)
                return head
            }
            guard try read(seconds * 1000) else { throw HarnessError("closed before a head: \(text.debugDescription)") }
        }
    }

    func read(atLeast count: Int, seconds: Int32 = 30) throws {
        while received.count < count {
            guard try read(seconds * 1000) else {
                throw HarnessError("closed after \(received.count) bytes of \(count)")
            }
        }
    }

    func read(until text: String, seconds: Int32 = 30) throws {
        let wanted = Array(text.utf8)
        while received.firstRange(of: wanted) == nil {
            guard try read(seconds * 1000) else {
                throw HarnessError("closed before \(text): \(self.text.debugDescription)")
            }
        }
    }

    func readToEnd(seconds: Int32 = 30) throws { while try read(seconds * 1000) {} }

    /// Takes the frames of a multiplexed stream off what was received: stream number and payload.
    func frames() -> [(stream: UInt8, payload: String)] {
        var result: [(stream: UInt8, payload: String)] = []
        while received.count >= 8 {
            let length = received[4..<8].reduce(0) { $0 << 8 | Int($1) }
            guard received.count >= 8 + length else { break }
            result.append((received[0], String(decoding: received[8..<(8 + length)], as: UTF8.self)))
            received.removeFirst(8 + length)
        }
        return result
    }

    struct Head {
        var status: String
        var headers: [String: String]

        init(_ text: String) {
            var lines = text.components(separatedBy: "\r\n")
            status = lines.removeFirst()
            headers = [:]
            for line in lines {
                guard let colon = line.firstIndex(of: ":") else { continue }
                headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                    in: .whitespaces)
            }
        }
    }
}
