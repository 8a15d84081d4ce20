internal import CLinux
internal import Glibc

/// A client that is attached: the daemon's end of its stream is a copy loop away from it.
final class Peer {
    let descriptor: Int32
    let wantsInput: Bool
    let wantsOutput: Bool
    let wantsError: Bool
    /// What the socket would not take yet.
    private var waiting: [UInt8] = []
    private var offset = 0
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

    var hasWaiting: Bool { offset < waiting.count }

    func wants(_ stream: Int) -> Bool { stream == 2 ? wantsError : wantsOutput }

    /// Sends now what goes, and keeps the rest.
    func send(_ bytes: UnsafeRawBufferPointer) {
        guard !isDead else { return }
        var sent = 0
        if !hasWaiting {
            sent = push(bytes)
            if isDead { return }
        }
        if sent < bytes.count { waiting.append(contentsOf: bytes[sent...]) }
    }

    /// Tries again; call when the socket takes more.
    func flush() {
        guard hasWaiting, !isDead else { return }
        let sent = waiting.withUnsafeBytes { push(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
        offset += sent
        if !hasWaiting {
            waiting = []
            offset = 0
        }
    }

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
        offset = 0
    }

    /// No more output comes.
    func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }
}
