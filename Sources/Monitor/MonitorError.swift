internal import Linux

/// Why a monitor could not be started or told something.
package struct MonitorError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried: `spawn`, `launch`, `attach`, …
    package let operation: String
    /// The cause; the errno value is in ``code``.
    package let reason: String
    /// errno, 0 when there is none. EPIPE, ECONNRESET: the monitor has ended.
    package let code: Int32

    package init(_ operation: String, _ reason: String, code: Int32 = 0) {
        self.operation = operation
        self.reason = reason
        self.code = code
    }

    init(_ operation: String, _ error: SystemError) {
        self.init(operation, error.description, code: error.code)
    }

    package var description: String { "\(operation) of the container's monitor: \(reason)" }
}
