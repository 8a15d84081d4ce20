internal import Concurrency
internal import DockerAPI
internal import Glibc
internal import Linux
internal import OCI

/// A container's log, pulled: what is there, and with `follow` what is written until the container ends.
package actor LogStream {
    package nonisolated let isTerminal: Bool
    private let path: String
    private let container: Container
    private let options: LogOptions
    private var file: LogFile?
    private var isDone = false
    private let watch: FileWatch?
    nonisolated private let queue = QueueExecutor(label: "gantry.logs")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    init(_ container: Container, _ options: LogOptions) throws(EngineError) {
        self.container = container
        self.options = options
        isTerminal = container.record.config.Tty
        path = container.files.log
        // Watch first, then read: nothing that is written in between is missed.
        do {
            watch = options.follow ? try FileWatch(path) : nil
        } catch {
            throw .system(error)
        }
        var log: LogFile?
        do {
            log = try LogFile(path)
            if let tail = options.tail { try log?.seek(lastLines: tail) }
        } catch {
            // Never started: nothing was written yet.
            guard error.code == ENOENT else { throw .system(error) }
        }
        file = log
    }

    /// The next entries, at least one; nil at the end.
    package func next() async throws(EngineError) -> [LogEntry]? {
        while !isDone {
            if file == nil { file = try? LogFile(path) }
            // Looked at before reading: what was written before the end is read after it.
            let isRunning = container.record.phase.process != nil
            let entries = try read()
            let wanted = entries.filter(admits)
            if !wanted.isEmpty { return wanted }
            if isDone { return nil }
            if !entries.isEmpty { continue }
            guard options.follow, isRunning, !Task.isCancelled else { return nil }
            await watch?.wait(orUntilEndOf: container)
            if Task.isCancelled { return nil }
        }
        return nil
    }

    private func read() throws(EngineError) -> [LogEntry] {
        guard file != nil else { return [] }
        do {
            return try file?.read() ?? []
        } catch {
            throw .system(error)
        }
    }

    private func admits(_ entry: LogEntry) -> Bool {
        guard entry.source == .stdout ? options.stdout : options.stderr else { return false }
        guard options.since != nil || options.until != nil, let time = nanoseconds(entry.time) else { return true }
        if let since = options.since, time < since { return false }
        if let until = options.until, time > until {
            isDone = true
            return false
        }
        return true
    }
}

/// Nanoseconds since 1970 of an RFC 3339 time, or the first or last that there are: RFC 3339 ends in the year 9999, 64 bits of
/// nanoseconds in 2262. Nil for Docker's "never" and for anything else.
func nanoseconds(_ text: String) -> Int64? {
    guard let time = try? Timestamp(text), !time.isZero else { return nil }
    return time.unixNanoseconds
}
