internal import Linux

/// Why a cgroup could not be created, limited, read or removed.
package struct CgroupError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The failed operation: `create`, `set memory.limit_in_bytes`, …
    package let operation: String
    /// The cgroup's path.
    package let path: String
    /// errno, or 0 when no system call failed.
    package let code: Int32
    private let detail: String

    init(_ operation: String, _ path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
        detail = SystemError("", code: code).reason
    }

    init(_ operation: String, _ path: String, _ detail: String) {
        self.operation = operation
        self.path = path
        self.code = 0
        self.detail = detail
    }

    package var description: String {
        path.isEmpty ? "\(operation): \(detail)" : "\(operation) of cgroup \(path): \(detail)"
    }
}
