internal import Linux

/// Why a process could not be started in a container, with a message for the user and Docker's exit code.
package struct LaunchFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// 127: the command does not exist. 126: it cannot be executed. 125: any other failure.
    package var exitCode: Int32
    /// Lower case, no full stop: object, cause and, where known, what to do.
    package var message: String

    package init(exitCode: Int32 = 125, _ message: String) {
        self.exitCode = exitCode
        self.message = message
    }

    package var description: String { message }
}

/// Checks the result of a C shim that returns -errno; throws a ``LaunchFailure`` naming `what`.
@discardableResult
func step(_ what: @autoclosure () -> String, _ result: Int32) throws(LaunchFailure) -> Int32 {
    if result < 0 { throw LaunchFailure("\(what()): \(SystemError("", code: -result).reason)") }
    return result
}

/// Checks the result of a C library function that returns -1 and sets errno.
@discardableResult
func libraryStep(_ what: @autoclosure () -> String, _ result: Int32) throws(LaunchFailure) -> Int32 {
    try step(what(), result < 0 ? -currentError() : result)
}
