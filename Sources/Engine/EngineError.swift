package import Images
package import Linux
internal import Cgroups
internal import Layers
internal import Monitor
package import Networking
internal import Runtime
internal import Store

/// What can go wrong with containers. Descriptions are meant for the person who typed the command; words that programs look
/// for are Docker's.
package enum EngineError: Error, Sendable, CustomStringConvertible {
    case noSuchContainer(String)
    case noSuchExec(String)
    case noSuchNetwork(String)
    /// A prefix that several containers share.
    case ambiguous(String)
    /// The request contradicts what exists: a taken name, a running container to be removed, and so on.
    case conflict(String)
    case invalid(String)
    /// The container is not running: its identifier.
    case notRunning(String)
    case image(ImageError)
    case network(NetworkError)
    /// The first process could not be started: Docker's exit code (125, 126, 127), and why.
    case launch(exitCode: Int32, message: String)
    case system(SystemError)
    case internalFailure(String)

    /// An error of a room below, as this room's.
    init(wrapping error: any Error) {
        self =
            switch error {
            case let error as EngineError: error
            case let error as ImageError: .image(error)
            case let error as NetworkError: .network(error)
            case let error as SystemError: .system(error)
            case let error as LaunchFailure: .launch(exitCode: error.exitCode, message: error.message)
            default: .internalFailure("\(error)")
            }
    }

    package var description: String {
        switch self {
        case .noSuchContainer(let name): "No such container: \(name)"
        case .noSuchExec(let id): "No such exec instance: \(id)"
        case .noSuchNetwork(let name): "network \(name) not found"
        case .ambiguous(let prefix): "Multiple IDs found with provided prefix: \(prefix)"
        case .conflict(let text), .invalid(let text), .internalFailure(let text): text
        case .notRunning(let id): "container \(id) is not running"
        case .image(let error): "\(error)"
        case .network(let error): "\(error)"
        case .launch(_, let message): message
        case .system(let error): "\(error)"
        }
    }
}
