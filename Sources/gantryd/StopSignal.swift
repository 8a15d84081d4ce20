@preconcurrency internal import Dispatch
internal import Glibc

/// SIGTERM and SIGINT. The first asks the daemon to stop; the second does not wait for it.
final class StopSignal: Sendable {
    private let sources: [any DispatchSourceSignal]
    private let stream: AsyncStream<Int32>

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        self.stream = stream
        // Docker reads its configuration again on SIGHUP; closing a terminal must at least not end the daemon.
        signal(SIGHUP, SIG_IGN)
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { continuation.yield(number) }
            source.activate()
            return source
        }
    }

    /// Returns at the first signal; from then on another one ends the process at once.
    func wait() async -> Int32 {
        var received: Int32 = 0
        for await number in stream {
            received = number
            break
        }
        for source in sources { source.setEventHandler { _exit(1) } }
        return received
    }
}
