internal import CLinux
internal import Glibc
internal import Linux

/// Messages on the socket between the monitor and a process being started: failures, warnings and the terminal are sent up, the
/// network namespace down. execve closes the socket: end of file after `ready` means success.
package enum StatusMessage: Equatable, Sendable {
    case failure(LaunchFailure)
    /// Comes with a descriptor of the terminal's controlling side.
    case terminal
    /// The set-up is complete: the process waits at its gate, or calls execve next.
    case ready
    /// A requested setting was skipped; the start continues.
    case warning(String)
    /// Comes with the descriptor of the seccomp listener.
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

    /// Removes control characters: names come from images, and a container process with CAP_SYS_PTRACE can send on this socket.
    private static func text(_ reader: inout BinaryReader) throws(LaunchFailure) -> String {
        TerminalText.escaped(try reader.string(), keepsLines: false)
    }

    /// Sends the message, optionally with a descriptor; false when there is no receiver.
    @discardableResult
    package func send(on socket: Int32, descriptor: Int32? = nil) -> Bool {
        let descriptors = descriptor.map { [$0] } ?? []
        let bytes = encoded()
        return bytes.withUnsafeBytes {
            linux_send_message(socket, $0.baseAddress, $0.count, descriptors, descriptors.count, 0) > 0
        }
    }
}
