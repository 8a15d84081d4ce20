package import HTTP

/// An answer other than success: a status code and the message that goes with it.
package struct APIError: Error, Sendable, Equatable {
    package let status: HTTPStatus
    package let message: String
    /// What `run` and `start` end with, where a container's first process could not be started.
    package let exitCode: Int32?

    package init(_ status: HTTPStatus, _ message: String, exitCode: Int32? = nil) {
        self.status = status
        self.message = message
        self.exitCode = exitCode
    }

    static func badRequest(_ message: String) -> APIError { APIError(.badRequest, message) }

    static let pageNotFound = APIError(.notFound, "page not found")

    /// What is part of the API and not of this release.
    static func notYet(_ what: String) -> APIError {
        APIError(.notImplemented, "\(what) is not supported by this release of gantry")
    }
}
