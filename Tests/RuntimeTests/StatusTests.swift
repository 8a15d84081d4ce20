import Glibc
import Linux
import Runtime
import Testing

/// The messages of a process that is being set up.
@Suite struct StatusTests {
    private func receive(_ socket: borrowing Descriptor) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 8192)
        let count = try buffer.withUnsafeMutableBytes { try socket.receive(into: $0, flags: Int32(MSG_DONTWAIT)).count }
        return Array(buffer[..<count])
    }

    /// Its caller lets it go on while it fails already: why it does comes through all the same.
    @Test(arguments: [SOCK_SEQPACKET, SOCK_STREAM]) func lastWordsAreHeard(_ type: __socket_type) throws {
        let pair = try LocalSocketPair(Int32(type.rawValue))
        let words = StatusMessage.failure(LaunchFailure(exitCode: 126, "no such luck"))
        #expect(words.send(on: pair.second.raw))
        var byte: UInt8 = 1
        #expect(send(pair.first.raw, &byte, 1, 0) == 1)
        let caller = pair.takeFirst()
        #expect(try StatusMessage(decoding: receive(caller)) == words)
        #expect(try receive(caller).isEmpty)
    }
}
