package import DockerAPI
package import Linux

/// What a client may wait for.
package enum WaitCondition: String, Sendable {
    case notRunning = "not-running"
    case nextExit = "next-exit"
    case removed
}

/// Which streams of a container a client attaches to.
package struct AttachOptions: Sendable {
    package var stdin = false
    package var stdout = false
    package var stderr = false

    package init() {}
}

/// A connection to a container's streams: raw bytes for a terminal, Docker's multiplexed frames otherwise.
package struct AttachedStream: ~Copyable, Sendable {
    /// A local stream socket; what is written to it is the process's standard input.
    package var descriptor: Descriptor
    package let isTerminal: Bool
}

package struct LogOptions: Sendable {
    package var follow = false
    package var stdout = true
    package var stderr = true
    /// Lines from the end; nil for all.
    package var tail: Int?
    /// Bounds in nanoseconds since 1970, nil for none.
    package var since: Int64?
    package var until: Int64?

    package init() {}
}

package struct LogEntry: Sendable {
    package enum Source: UInt8, Sendable { case stdout = 1, stderr = 2 }

    package let source: Source
    /// RFC 3339 with nanoseconds, as written in the log.
    package let time: String
    /// The line with its newline, if it had one.
    package let line: [UInt8]
}

package struct PruneResult: Sendable {
    package var deleted: [String] = []
    package var spaceReclaimed: Int64 = 0
}

/// A wait that is registered already.
package struct ContainerWait: Sendable {
    let answer: Task<ContainerWaitResponse?, Never>

    /// The exit; nil when the wait was given up because the daemon stops.
    package func result() async -> ContainerWaitResponse {
        await withTaskCancellationHandler {
            await answer.value ?? ContainerWaitResponse(StatusCode: 0)
        } onCancel: {
            answer.cancel()
        }
    }
}
