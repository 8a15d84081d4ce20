internal import CLinux
internal import Glibc
internal import Linux

/// A client that is attached: the daemon's end of its stream is a copy loop away from it.
final class Peer {
    let descriptor: Int32
    let wantsInput: Bool
    let wantsOutput: Bool
    let wantsError: Bool
    /// It came when the container was running already: the container does not wait for it without end.
    var isLate = false
    /// What the socket would not take yet; parts that several clients wait for are the same.
    private var waiting: [ArraySlice<UInt8>] = []
    private(set) var waitingCount = 0
    /// When it last took something, while something waits (CLOCK_MONOTONIC, milliseconds).
    private(set) var lastTaken: Int = 0
    /// Its side is at the end.
    var inputEnded = false
    /// Nothing can be sent any more.
    private(set) var isDead = false

    init(descriptor: Int32, input: Bool, output: Bool, error: Bool) {
        self.descriptor = descriptor
        wantsInput = input
        wantsOutput = output
        wantsError = error
    }

    deinit { close(descriptor) }

    /// More than this is never kept: a container can make its pipes as large as it likes.
    static let limit = 1 << 20

    var hasWaiting: Bool { waitingCount > 0 }

    func wants(_ stream: Int) -> Bool { stream == 2 ? wantsError : wantsOutput }

    /// Sends now what goes; the number of bytes.
    func send(_ bytes: UnsafeRawBufferPointer) -> Int { isDead || hasWaiting ? 0 : push(bytes) }

    /// Keeps what it could not take.
    func keep(_ part: ArraySlice<UInt8>) {
        guard !isDead, !part.isEmpty else { return }
        if !hasWaiting { lastTaken = Self.now() }
        waiting.append(part)
        waitingCount += part.count
        if waitingCount > Self.limit { drop() }
    }

    /// Tries again; call when the socket takes more.
    func flush() {
        while let part = waiting.first, !isDead {
            let sent = part.withUnsafeBytes { push($0) }
            if isDead || sent == 0 { return }
            lastTaken = Self.now()
            waitingCount -= sent
            if sent < part.count {
                waiting[0] = part.dropFirst(sent)
                return
            }
            waiting.removeFirst()
        }
    }

    static func now() -> Int { Int(monotonicNanoseconds() / 1_000_000) }

    private func push(_ bytes: UnsafeRawBufferPointer) -> Int {
        var done = 0
        while done < bytes.count {
            let count = Glibc.send(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done,
                Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            if count >= 0 {
                done += count
            } else if errno == EAGAIN {
                return done
            } else if errno != EINTR {
                drop()
                return done
            }
        }
        return done
    }

    /// Gives it up: it is gone.
    func drop() {
        isDead = true
        waiting = []
        waitingCount = 0
    }

    /// No more output comes.
    func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }
}
