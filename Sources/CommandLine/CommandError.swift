/// Why a command cannot go on, and the exit status that says so to scripts.
package struct CommandError: Error, Equatable {
    /// What is printed on standard error, without a newline; empty when everything has been said already.
    package var message: String
    package var status: Int32
    /// The answer's status when the daemon refused: 404, 409 and so on.
    package var httpStatus: Int?
    /// What the daemon says that the command is to end with.
    var exitCode: Int32?
    /// Whether nobody could be reached at all.
    package var isUnreachable = false

    package init(_ message: String, status: Int32 = 1, httpStatus: Int? = nil, isUnreachable: Bool = false) {
        self.message = message
        self.status = status
        self.httpStatus = httpStatus
        self.isUnreachable = isUnreachable
    }

    /// Ends with `status` and says nothing more.
    static func silent(_ status: Int32) -> CommandError { CommandError("", status: status) }
}
