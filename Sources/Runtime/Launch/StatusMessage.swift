internal import CLinux
internal import Glibc
internal import Linux

/// The socket between the monitor and a process it is starting: failures, warnings and the terminal come up, the network
/// namespace goes down. It closes by itself when the program is executed: after `ready`, end of file is success.
package enum StatusMessage: Equatable, Sendable {
    case failure(LaunchFailure)
    /// The terminal's controlling side came with it.
    case terminal
    /// Everything is set up: the process waits at its gate, or executes its program next.
    case ready
    /// Something asked for was left out; the process goes on.
    case warning(String)
    /// The descriptor that answers for the filter's calls came with it.
    case listener
    /// The mounts are made; the process waits until the caller has run its hooks.
    case hooks

    package func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .failure(let failure):
            writer.put(UInt8(1))
            writer.put(failure.exitCode)
            writer.put(String(decoding: failure.message.utf8.prefix(4096), as: UTF8.self))
        case .terminal: writer.put(UInt8(2))
        case .ready: writer.put(UInt8(3))
        case .warning(let text):
            writer.put(UInt8(4))
            writer.put(String(decoding: text.utf8.prefix(4096), as: UTF8.self))
        case .listener: writer.put(UInt8(5))
        case .hooks: writer.put(UInt8(6))
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(LaunchFailure) {
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1:
            let code: Int32 = try reader.integer()
            self = .failure(LaunchFailure(exitCode: min(max(code, 125), 127), try Self.text(&reader)))
        case 2: self = .terminal
        case 3: self = .ready
        case 4: self = .warning(try Self.text(&reader))
        case 5: self = .listener
        case 6: self = .hooks
        default: throw LaunchFailure("the starting process sent an unknown message")
        }
    }

    /// Without control characters: names come from images, and a process of the container with CAP_SYS_PTRACE can send on this socket.
    private static func text(_ reader: inout BinaryReader) throws(LaunchFailure) -> String {
        TerminalText.escaped(try reader.string(), keepsLines: false)
    }

    /// Sends it, with a descriptor when there is one; false when nobody is there to get it.
    @discardableResult
    package func send(on socket: Int32, descriptor: Int32? = nil) -> Bool {
        let descriptors = descriptor.map { [$0] } ?? []
        let bytes = encoded()
        return bytes.withUnsafeBytes {
            linux_send_message(socket, $0.baseAddress, $0.count, descriptors, descriptors.count, 0) > 0
        }
    }
}
