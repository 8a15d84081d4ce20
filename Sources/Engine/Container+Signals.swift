internal import Logging
internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import Linux
internal import Monitor

extension Container {
    /// With SIGKILL it returns when the container has ended, as Docker does: whoever killed it may remove it next. One that
    /// the kernel cannot end is waited for no longer than ten seconds.
    func kill(_ text: String?) async throws(EngineError) {
        try await request(.kill(try Self.number(of: text ?? "KILL")))
    }

    private static func number(of text: String) throws(EngineError) -> Int32 {
        guard let number = Signal.number(text) else { throw .invalid("invalid signal: \(text)") }
        return number
    }

    /// What to end it with, and how long it has; for ever where the number is negative.
    private func ending(_ text: String?, _ timeout: Int?) throws(EngineError) -> (signal: Int32, seconds: Int?) {
        let config = record.config
        let seconds = timeout ?? config.StopTimeout ?? 10
        return (
            try Self.number(of: [text, config.StopSignal].compactMap { $0 }.first { !$0.isEmpty } ?? "TERM"),
            seconds < 0 ? nil : seconds
        )
    }

    /// False when it was not running.
    func stop(signal: String?, timeout: Int?) async throws(EngineError) -> Bool {
        let ending = try ending(signal, timeout)
        return try await request(.stop(signal: ending.signal, seconds: ending.seconds))
    }

    func restart(signal: String?, timeout: Int?) async throws(EngineError) {
        let ending = try ending(signal, timeout)
        try await request(.restart(signal: ending.signal, seconds: ending.seconds))
    }

    func pause() async throws(EngineError) { try await request(.pause) }

    func unpause() async throws(EngineError) { try await request(.unpause) }

    /// Takes the container away.
    func remove(force: Bool) async throws(EngineError) { try await request(.remove(force: force)) }

    func resize(columns: Int, rows: Int) throws(EngineError) {
        guard record.phase.process != nil, let link else { throw .notRunning(id) }
        try attempt {
            try link.resize(columns: UInt16(clamping: columns), rows: UInt16(clamping: rows), exec: nil)
        }
        publish("resize", ["height": String(rows), "width": String(columns)])
    }

    func rename(to name: String) throws(EngineError) {
        let old = record.name
        if record.phase.isBeingRemoved {
            throw .conflict("container is marked for removal and cannot be renamed")
        }
        guard name != old else {
            throw .invalid("Renaming a container with the same name as its current name")
        }
        try environment.index.reserve(name: name, for: id)
        update { $0.name = name }
        save()
        environment.index.release(name: old, of: id)
        publish("rename", ["oldName": "/" + old])
    }
}
