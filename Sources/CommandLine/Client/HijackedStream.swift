internal import Glibc
internal import Linux

/// Carries bytes between the standard streams and a container over a hijacked connection: one thread, one poll(2).
struct HijackedStream {
    enum Ending: Equatable {
        /// The other side closed the stream.
        case closed
        /// The detach keys were typed.
        case detached
        /// Nothing more is to be copied in either direction.
        case inputDone
    }

    let connection: ClientConnection
    /// A container with a terminal sends raw bytes, one without frames.
    var isTerminal: Bool
    var input: Bool
    var output: Bool
    var errors: Bool
    var detachKeys: DetachFilter?
    /// Signals to watch, and what to do about one.
    var signals: Signals?
    var onSignal: (Int32) -> Void = { _ in }

    /// Copies until the container's side ends, or the user detaches.
    mutating func run() throws(CommandError) -> Ending {
        var demultiplexer = StreamDemultiplexer()
        let early = connection.takeOver()
        if !early.isEmpty { try deliver(early, &demultiplexer) }

        var reading = input
        var pending: ArraySlice<UInt8> = []
        var finished = !input
        let socket = connection.socket
        while true {
            if !reading, pending.isEmpty, !finished {
                finished = true
                socket.finishSending()
                if !output && !errors { return .inputDone }
            }
            var entries = [
                pollfd(fd: socket.raw, events: Int16(POLLIN | (pending.isEmpty ? 0 : POLLOUT)), revents: 0),
                pollfd(fd: reading && pending.isEmpty ? 0 : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals?.raw ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&entries, 3, -1) < 0 {
                if errno == EINTR { continue }
                throw CommandError("\(SystemError("poll", code: errno))")
            }
            if entries[2].revents != 0, let number = signals?.next() { onSignal(number) }
            if entries[1].revents != 0 {
                let bytes = HijackedStream.readInput()
                if bytes.isEmpty { reading = false }
                if var keys = detachKeys {
                    let (send, isDetached) = keys.feed(bytes)
                    detachKeys = keys
                    pending = send[...]
                    if isDetached {
                        _ = try? socket.send(send)
                        return .detached
                    }
                } else {
                    pending = bytes[...]
                }
            }
            if !pending.isEmpty {
                do {
                    pending = pending.dropFirst(try socket.sendSome(pending))
                } catch {
                    // The container closed its input; its output may still come.
                    pending = []
                    reading = false
                    finished = true
                }
            }
            if Int32(entries[0].revents) & (POLLIN | POLLHUP | POLLERR) != 0 {
                let bytes: [UInt8]
                do {
                    bytes = try socket.receive()
                } catch {
                    return .closed
                }
                if bytes.isEmpty { return .closed }
                try deliver(bytes, &demultiplexer)
            }
        }
    }

    private func deliver(_ bytes: [UInt8], _ demultiplexer: inout StreamDemultiplexer) throws(CommandError) {
        if isTerminal {
            if output { try Output.write(bytes, to: 1) }
            return
        }
        try demultiplexer.feed(bytes) { stream, piece throws(CommandError) in
            switch stream {
            case 2: if errors { try Output.write(piece, to: 2) }
            case 3: throw CommandError("error from daemon in stream: \(String(decoding: piece, as: UTF8.self))")
            default: if output { try Output.write(piece, to: 1) }
            }
        }
    }

    /// What standard input has; empty at its end, and when it is closed or broken.
    private static func readInput() -> [UInt8] {
        while true {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 32768) { buffer, filled in
                count = read(0, buffer.baseAddress, 32768)
                filled = max(count, 0)
            }
            if count >= 0 || errno != EINTR { return bytes }
        }
    }
}
