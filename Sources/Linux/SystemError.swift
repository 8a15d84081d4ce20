internal import CLinux
internal import Glibc

/// A system call that failed: what was tried, on what, and the kernel's answer.
///
/// Its description reads `open /etc/passwd: no such file or directory`.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operation, usually the name of the system call.
    package let operation: String
    /// What it was tried on: a path, a name, or empty.
    package let subject: String
    /// The `errno` value, positive.
    package let code: Int32

    package init(_ operation: String, _ subject: String = "", code: Int32) {
        self.operation = operation
        self.subject = subject
        self.code = code
    }

    /// The kernel's answer in words, lower case: `no such file or directory`.
    package var reason: String {
        // Static text that glibc never frees, and never translated.
        guard let message = linux_error_text(code) else { return "error \(code)" }
        let words = String(cString: message)
        guard let first = words.first else { return "error \(code)" }
        return first.lowercased() + words.dropFirst()
    }

    package var description: String {
        subject.isEmpty ? "\(operation): \(reason)" : "\(operation) \(subject): \(reason)"
    }
}

/// Calls `body` until it is not interrupted by a signal; a result of -1 becomes a ``SystemError`` with `errno`.
@discardableResult
package func retrying(
    _ operation: String, _ subject: @autoclosure () -> String = "", _ body: () -> Int32
) throws(SystemError) -> Int32 {
    while true {
        let result = body()
        if result >= 0 { return result }
        if errno != EINTR { throw SystemError(operation, subject(), code: errno) }
    }
}

/// Like ``retrying(_:_:_:)`` for the C shims, which return `-errno` themselves.
@discardableResult
package func checking(
    _ operation: String, _ subject: @autoclosure () -> String = "", _ body: () -> Int
) throws(SystemError) -> Int {
    while true {
        let result = body()
        if result >= 0 { return result }
        if result != -Int(EINTR) { throw SystemError(operation, subject(), code: Int32(-result)) }
    }
}
