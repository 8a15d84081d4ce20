internal import Glibc
internal import JSON
internal import Linux

/// The standard streams of this process joined to those of a container or of an exec: terminal modes, window
/// sizes, signals, detaching.
struct Attachment {
    let client: Client
    let connection: ClientConnection
    var isTerminal: Bool
    var input: Bool
    var output: Bool
    var errors: Bool
    var detachKeys: String?
    /// Where sizes are posted: `/containers/ID/resize` or `/exec/ID/resize`.
    var resizePath: String
    /// Where signals are passed on to, when they are.
    var killPath: String?

    /// Signals that change or end what this process does meanwhile; made before the container starts, so that none
    /// is lost.
    func signals() throws(CommandError) -> Signals? {
        if killPath != nil { return try Signals(Signals.forwarded + (isTerminal ? [SIGWINCH] : [])) }
        if isTerminal { return try Signals([SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT]) }
        return nil
    }

    /// Recognises the keys here, so that they never reach the container.
    private func detachFilter() throws(CommandError) -> DetachFilter {
        let text = detachKeys ?? ""
        guard let keys = DetachKeys(parsing: text) else { throw CommandError("Unknown character: '\(text)'") }
        return DetachFilter(keys)
    }

    func run(signals: Signals?) throws(CommandError) -> HijackedStream.Ending {
        let raw = isTerminal && input && Output.isTerminal(0) ? RawTerminal() : nil
        defer { raw?.restore() }
        var stream = HijackedStream(
            connection: connection, isTerminal: isTerminal, input: input, output: output, errors: errors,
            detachKeys: raw == nil ? nil : try detachFilter(), signals: signals)
        if isTerminal { resize() }
        stream.onSignal = { number in
            switch number {
            case SIGWINCH: resize()
            case _ where killPath != nil: forward(number)
            default:
                raw?.restore()
                Signals.die(by: number)
            }
        }
        return try stream.run()
    }

    /// Tells the other side how large the window is. It may be gone already, which is no error.
    func resize() {
        guard Output.isTerminal(1) || Output.isTerminal(0), let size = WindowSize.current else { return }
        _ = try? client.call("POST", resizePath, query: [("h", String(size.rows)), ("w", String(size.columns))])
    }

    func forward(_ number: Int32) {
        guard let killPath else { return }
        _ = try? client.call("POST", killPath, query: [("signal", Signals.name(number))])
    }

    /// Reads the answer of a wait request, passing signals on meanwhile.
    func exitStatus(from waiting: ClientConnection, signals: Signals?) throws(CommandError) -> Int32 {
        while let signals {
            var entries = [
                pollfd(fd: waiting.socket.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.raw, events: Int16(POLLIN), revents: 0),
            ]
            if waiting.bufferedCount > 0 { break }
            if poll(&entries, 2, -1) < 0, errno != EINTR { break }
            if entries[0].revents != 0 { break }
            if entries[1].revents != 0, let number = signals.next() {
                if killPath != nil { forward(number) } else if number != SIGWINCH { Signals.die(by: number) }
            }
        }
        return try Attachment.exitStatus(waiting)
    }

    static func exitStatus(_ waiting: ClientConnection) throws(CommandError) -> Int32 {
        let answer = try Client.parse(waiting.readAll())
        if let message = answer["Error"]?["Message"]?.stringValue, !message.isEmpty {
            throw CommandError("Error waiting for container: \(message)", status: 125)
        }
        return Int32(truncatingIfNeeded: answer["StatusCode"]?.intValue ?? 0)
    }
}
