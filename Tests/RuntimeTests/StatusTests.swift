import Glibc
import Linux
import Runtime
import Testing

/// The status messages of a process being set up.
@Suite struct StatusTests {
    private func receive(_ socket: borrowing Descriptor) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 8192)
        let count = try buffer.withUnsafeMutableBytes { try socket.receive(into: $0, flags: Int32(MSG_DONTWAIT)).count }
        return Array(buffer[..<count])
    }

    /// A failure that is sent while the caller releases the process still arrives.
    @Test(arguments: [SOCK_SEQPACKET, SOCK_STREAM]) func finalFailureIsReceived(_ type: __socket_type) throws {
        let pair = try LocalSocketPair(Int32(type.rawValue))
        let words = StatusMessage.failure(LaunchFailure(exitCode: 126, "no such luck"))
        #expect(words.send(on: pair.second.raw))
        var byte: UInt8 = 1
        #expect(send(pair.first.raw, &byte, 1, 0) == 1)
        let caller = pair.takeFirst()
        #expect(try StatusMessage(decoding: receive(caller)) == words)
        #expect(try receive(caller).isEmpty)
    }

    /// The sender may be a process that the container has taken over, and clients print the message.
    @Test func messagesHaveNoControlCharacters() throws {
        let failure = StatusMessage.failure(LaunchFailure(exitCode: 7, "a\u{1b}]0;b\u{7}\nc"))
        let escaped = LaunchFailure(exitCode: 125, "a\\u001b]0;b\\u0007\\u000ac")
        #expect(try StatusMessage(decoding: failure.encoded()) == .failure(escaped))
        let warning = StatusMessage.warning("a\r\u{9b}2J")
        #expect(try StatusMessage(decoding: warning.encoded()) == .warning("a\\u000d\\u009b2J"))
    }
}
