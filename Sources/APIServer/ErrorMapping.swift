internal import Engine
internal import HTTP
internal import Images
internal import Linux
internal import Networking

extension APIError {
    /// The status code and text for whatever a module threw. No other module knows status codes.
    package init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as EngineError: self = APIError(error)
        case let error as ImageError: self = APIError(error)
        case let error as NetworkError: self = APIError(error)
        case let error as HTTPError: self = APIError(error.status, "\(error)")
        default: self = APIError(.internalServerError, "\(error)")
        }
    }

    private init(_ error: EngineError) {
        let text = "\(error)"
        switch error {
        case .noSuchContainer, .noSuchExec, .noSuchNetwork: self.init(.notFound, text)
        case .ambiguous, .invalid: self.init(.badRequest, text)
        case .conflict, .notRunning: self.init(.conflict, text)
        case .image(let error): self.init(error)
        case .network(let error): self.init(error)
        case .launch(let code, _):
            self.init(code == 126 || code == 127 ? .badRequest : .internalServerError, text, exitCode: code)
        case .system, .internalFailure: self.init(.internalServerError, text)
        }
    }

    private init(_ error: ImageError) {
        let text = "\(error)"
        switch error {
        case .notFound: self.init(.notFound, text)
        case .invalidReference, .invalidArgument, .ambiguous: self.init(.badRequest, text)
        case .conflict: self.init(.conflict, text)
        // Docker does not tell a repository that is private from one that does not exist.
        case .unauthorized: self.init(.notFound, text)
        case .tooManyRequests: self.init(.tooManyRequests, text)
        case .corrupt, .unreachable, .noSpace, .cancelled, .system: self.init(.internalServerError, text)
        }
    }

    private init(_ error: NetworkError) {
        let text = "\(error)"
        switch error {
        case .noSuchNetwork: self.init(.notFound, text)
        case .invalid: self.init(.badRequest, text)
        default: self.init(.internalServerError, text)
        }
    }
}
