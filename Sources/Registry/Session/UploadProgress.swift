internal import Synchronization

/// Counts the bytes sent for one request.
final class UploadProgress: Sendable {
    private let sent: Atomic<Int64>
    private let onSend: @Sendable (Int64) -> Void

    init(_ start: Int64, _ onSend: @escaping @Sendable (Int64) -> Void) {
        sent = Atomic(start)
        self.onSend = onSend
    }

    func add(_ count: Int64) { onSend(sent.add(count, ordering: .relaxed).newValue) }
}
