internal import ByteText
internal import Concurrency
internal import JSON
internal import Layers
internal import Networking
internal import OCI
internal import Cgroups
package import DockerAPI
internal import Glibc
internal import Images
internal import JSON

extension Engine {
    package func list(
        all: Bool, limit: Int?, size: Bool, filters: [String: [String]]
    ) async throws(EngineError) -> [ContainerSummary] {
        let filter = try ContainerFilter(filters, self)
        let limited = limit.map { $0 > 0 } ?? false
        var records = environment.index.all.map(\.record)
        if !all, !limited, !filter.namesState { records.removeAll { !$0.phase.isRunning } }
        var rows: [ContainerSummary] = []
        for record in records {
            if limited, rows.count == limit { break }
            guard await filter.admits(record, environment.images) else { continue }
            rows.append(try await row(record, size: size))
        }
        return rows
    }

    private func row(_ record: ContainerRecord, size: Bool) async throws(EngineError) -> ContainerSummary {
        var row = ContainerSummary()
        row.Id = record.id
        row.Names = ["/" + record.name]
        // A tag may have moved on; then the digest is what the container was made from.
        let current = try? environment.images.resolve(record.config.Image)
        row.Image = current?.id.description == record.image ? record.config.Image : record.image
        row.ImageID = record.image
        row.Command = ([record.path] + record.args.map { $0.contains(byte: " ") ? "'\($0)'" : $0 }).joined(
            separator: " ")
        row.Created = record.createdAt / 1_000_000_000
        row.Ports = PortPlan.published(record)
        row.Labels = record.config.Labels ?? [:]
        let state = record.state
        row.State = state.Status
        row.Status = Self.status(state)
        row.HostConfig.NetworkMode = record.host.NetworkMode
        row.NetworkSettings.Networks = Self.settings(record).Networks
        row.Mounts = record.mounts
        if size {
            let own = try await writtenSize(record.id)
            row.SizeRw = own
            row.SizeRootFs = await rootSize(record, own)
        }
        return row
    }

    /// Counted on a thread of its own: how many files there are is the container's decision.
    private func writtenSize(_ id: String) async throws(EngineError) -> Int64 {
        let snapshots = environment.snapshots
        do throws(LayerError) {
            return try await onThread { () throws(LayerError) in snapshots.size(id: id) }
        } catch {
            throw EngineError(wrapping: error)
        }
    }

    /// `Up 5 minutes`, `Exited (0) 2 hours ago`.
    static func status(_ state: ContainerState) -> String {
        let now = Clock.nanoseconds()
        func since(_ text: String) -> String {
            humanDuration(seconds: now.saturatingSubtract(nanoseconds(text) ?? now) / 1_000_000_000)
        }
        switch state.Status {
        case "running": return "Up \(since(state.StartedAt))"
        case "paused": return "Up \(since(state.StartedAt)) (Paused)"
        case "restarting": return "Restarting (\(state.ExitCode)) \(since(state.FinishedAt)) ago"
        case "removing": return "Removal In Progress"
        case "dead": return "Dead"
        case "created": return "Created"
        default:
            guard state.FinishedAt != ContainerState.never else { return "Created" }
            return "Exited (\(state.ExitCode)) \(since(state.FinishedAt)) ago"
        }
    }

    package func prune(filters: [String: [String]]) async throws(EngineError) -> PruneResult {
        let filter = try ContainerFilter(filters, self)
        var result = PruneResult()
        for container in environment.index.all {
            let record = container.record
            guard !record.phase.isRunning, await filter.admits(record, environment.images) else { continue }
            let size = try await writtenSize(record.id)
            guard (try? await container.remove(force: false)) != nil else { continue }
            result.deleted.append(record.id)
            result.spaceReclaimed = result.spaceReclaimed.saturatingAdd(size)
        }
        return result
    }

    package func top(_ name: String, arguments: String?) async throws(EngineError) -> ContainerTopResponse {
        let container = try find(name)
        let phase = container.record.phase
        if phase.isRestarting { throw .isRestarting(container.id) }
        guard phase.process != nil else { throw .notRunning(container.id) }
        let group = Cgroup(container.cgroupPath, in: environment.hierarchy)
        let processes: [Int32]
        do {
            processes = try group.processes()
        } catch {
            throw EngineError(wrapping: error)
        }
        return try ProcessTable(arguments: arguments ?? "-ef").table(processes)
    }
}

/// The `filters` of `GET /containers/json`.
struct ContainerFilter: Sendable {
    private let filters: [String: [String]]
    private let before: Int64?
    private let since: Int64?

    private static let known: Set<String> = [
        "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "label!", "name",
        "network", "publish", "since", "status", "until", "volume",
    ]

    init(_ filters: [String: [String]], _ engine: Engine) throws(EngineError) {
        for name in filters.keys where !Self.known.contains(name) { throw .invalid("invalid filter '\(name)'") }
        for status in filters["status"] ?? [] {
            guard ["created", "running", "paused", "restarting", "removing", "exited", "dead"].contains(status) else {
                throw .invalid("invalid filter 'status=\(status)'")
            }
        }
        for code in filters["exited"] ?? [] where Int(code) == nil { throw .invalid("invalid filter 'exited=\(code)'") }
        self.filters = filters
        before = try filters["before"]?.first.map { name throws(EngineError) in try engine.find(name).record.createdAt }
        since = try filters["since"]?.first.map { name throws(EngineError) in try engine.find(name).record.createdAt }
    }

    /// A state was asked for, so that those that do not run are wanted too.
    var namesState: Bool { filters["status"] != nil || filters["exited"] != nil }

    func admits(_ record: ContainerRecord, _ images: ImageService) async -> Bool {
        if let before, record.createdAt >= before { return false }
        if let since, record.createdAt <= since { return false }
        for (name, values) in filters where !values.isEmpty {
            var isMatch = false
            if name == "ancestor" {
                for value in values where !isMatch {
                    let id = (try? images.resolve(value))?.id.description
                    isMatch = id == record.image || record.config.Image == value
                }
            } else if name == "label" || name == "label!" {
                // Every label must match, unlike the values of other filters.
                let labels = record.config.Labels ?? [:]
                let all = values.allSatisfy { value in
                    let parts = value.split(byte: "=", maxSplits: 1).map(String.init)
                    guard let key = parts.first, let found = labels[key] else { return false }
                    return parts.count == 1 || found == parts[1]
                }
                isMatch = all == (name == "label")
            } else {
                isMatch = values.contains { matches(name, $0, record) }
            }
            if !isMatch { return false }
        }
        return true
    }

    private func matches(_ name: String, _ value: String, _ record: ContainerRecord) -> Bool {
        switch name {
        case "id": return record.id.hasBytePrefix(value)
        case "name":
            guard let pattern = try? Regex(value) else { return record.name.contains(value) }
            return record.name.contains(pattern) || ("/" + record.name).contains(pattern)
        case "status": return record.state.Status == value
        case "exited":
            guard !record.phase.isRunning, let exit = record.phase.exit, exit.finishedAt != nil else { return false }
            return Int(exit.code) == Int(value)
        case "network": return record.networkMode == value || record.endpoint?.networkID.hasBytePrefix(value) == true
        case "volume": return record.mounts.contains { $0.Source == value || $0.Destination == value }
        case "publish", "expose":
            let port = value.contains(byte: "/") ? value : value + "/tcp"
            return name == "expose"
                ? record.config.ExposedPorts?[port] != nil : record.host.PortBindings[port] != nil
        case "health": return value == "none"
        case "is-task": return value == "false" || value == "0"
        case "isolation": return true
        case "until": return record.createdAt / 1_000_000_000 < Int64(value) ?? .max
        default: return true
        }
    }
}
