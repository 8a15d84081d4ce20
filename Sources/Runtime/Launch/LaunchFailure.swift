internal import Linux

/// Why a process in a container could not be started, in the words its user reads, and the exit code Docker gives for it.
package struct LaunchFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// 127: the command does not exist. 126: it cannot be executed. 125: anything else in the set-up.
    package var exitCode: Int32
    /// Lower case, no full stop: the object, the cause, and what to do next where that is known.
    package var message: String

    package init(exitCode: Int32 = 125, _ message: String) {
        self.exitCode = exitCode
        self.message = message
    }

    package var description: String { message }
}

/// A set-up step by a C shim that answers -errno: its result, or a ``LaunchFailure`` naming `what`.
@discardableResult
func step(_ what: @autoclosure () -> String, _ result: Int32) throws(LaunchFailure) -> Int32 {
    if result < 0 { throw LaunchFailure("\(what()): \(SystemError("", code: -result).reason)") }
    return result
}

/// A set-up step by a function of the C library that answers -1 and sets errno.
@discardableResult
func libraryStep(_ what: @autoclosure () -> String, _ result: Int32) throws(LaunchFailure) -> Int32 {
    try step(what(), result < 0 ? -currentError() : result)
}
