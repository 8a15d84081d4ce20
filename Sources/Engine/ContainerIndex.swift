internal import ByteText
internal import Synchronization

/// Who is who: containers by identifier, by name, and by a prefix of the identifier; exec instances by theirs.
final class ContainerIndex: Sendable {
    private struct State {
        var containers: [String: Container] = [:]
        var identifiers: [String: String] = [:]
        var execs: [String: String] = [:]
    }

    private let state = Mutex(State())

    /// All of them, newest first.
    var all: [Container] {
        state.withLock { Array($0.containers.values) }
            .map { ($0, $0.record.createdAt) }
            .sorted { $0.1 > $1.1 }
            .map(\.0)
    }

    /// The container of that identifier, else of that name, else the only one whose identifier begins so.
    func find(_ text: String) throws(EngineError) -> Container {
        let name = text.hasBytePrefix("/") ? String(text.dropFirst(bytes: 1)) : text
        let found: Result<Container, EngineError> = state.withLock { state in
            if let container = state.containers[name] { return .success(container) }
            if let id = state.identifiers[name], let container = state.containers[id] { return .success(container) }
            guard !name.isEmpty, name.utf8.allSatisfy(\.isASCIIHexDigit) else {
                return .failure(.noSuchContainer(name))
            }
            let matches = state.containers.filter { $0.key.hasBytePrefix(name) }
            if matches.count > 1 { return .failure(.ambiguous(name)) }
            guard let match = matches.first else { return .failure(.noSuchContainer(name)) }
            return .success(match.value)
        }
        return try found.get()
    }

    /// Takes a name before its container exists.
    func reserve(name: String, for id: String) throws(EngineError) {
        let owner: String? = state.withLock { state in
            if let owner = state.identifiers[name] { return owner }
            state.identifiers[name] = id
            return nil
        }
        if let owner {
            throw .conflict(
                "Conflict. The container name \"/\(name)\" is already in use by container \"\(owner)\". "
                    + "You have to remove (or rename) that container to be able to reuse that name.")
        }
    }

    func isFree(name: String) -> Bool {
        state.withLock { $0.identifiers[name] == nil }
    }

    func release(name: String, of id: String) {
        state.withLock { state in
            if state.identifiers[name] == id { state.identifiers[name] = nil }
        }
    }

    func insert(_ container: Container) {
        let record = container.record
        state.withLock { state in
            state.containers[record.id] = container
            state.identifiers[record.name] = record.id
        }
    }

    func remove(id: String) {
        state.withLock { state in
            state.containers[id] = nil
            for (name, owner) in state.identifiers where owner == id { state.identifiers[name] = nil }
            for (exec, owner) in state.execs where owner == id { state.execs[exec] = nil }
        }
    }

    func insert(exec: String, of container: String) {
        state.withLock { $0.execs[exec] = container }
    }

    func remove(exec: String) {
        state.withLock { $0.execs[exec] = nil }
    }

    func container(ofExec exec: String) throws(EngineError) -> Container {
        let found = state.withLock { state in state.execs[exec].flatMap { state.containers[$0] } }
        guard let found else { throw .noSuchExec(exec) }
        return found
    }
}
