package import Linux

/// A request that the kernel refused: operation, subject, errno.
///
/// Its description reads `set up link gantry0: no such device` and ends with the kernel's own explanation (NLMSGERR_ATTR_MSG,
/// kernel 4.12), if there is one.
package struct NetlinkError: Error, Equatable, Sendable, CustomStringConvertible {
    package let cause: SystemError
    /// The kernel's explanation, or empty.
    package let explanation: String

    package init(_ cause: SystemError, explanation: String = "") {
        self.cause = cause
        self.explanation = explanation
    }

    package init(_ operation: String, _ subject: String, code: Int32, explanation: String = "") {
        self.init(SystemError(operation, subject, code: code), explanation: explanation)
    }

    /// The `errno` value, positive.
    package var code: Int32 { cause.code }

    package var description: String {
        explanation.isEmpty ? cause.description : "\(cause.description) (\(explanation))"
    }
}
