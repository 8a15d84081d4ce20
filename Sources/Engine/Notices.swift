internal import Logging
internal import Synchronization

/// Says each thing once in a daemon's life: what the machine does not allow is the same for every container.
final class Notices: Sendable {
    private let said = Mutex<Set<String>>([])
    private let log: Logger

    init(log: Logger) { self.log = log }

    func say(_ text: String) {
        if said.withLock({ $0.insert(text).inserted }) { log.warning("\(text)") }
    }
}
