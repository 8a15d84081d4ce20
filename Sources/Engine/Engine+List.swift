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
        let filter = try ContainerFilter(list: filters, self)
        let limited = limit.map { $0 > 0 } ?? false
        var records = environment.index.all.map(\.record)
        if !all, !limited, !filter.namesState { records.removeAll { !$0.phase.isRunning } }
        var rows: [ContainerSummary] = []
        for record in records {
            if limited, rows.count == limit { break }
            guard filter.admits(record) else { continue }
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
    func writtenSize(_ id: String) async throws(EngineError) -> Int64 {
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
        let filter = try ContainerFilter(prune: filters)
        var result = PruneResult()
        for container in environment.index.all {
            let record = container.record
            guard !record.phase.isRunning, filter.admits(record) else { continue }
            let size = try await writtenSize(record.id)
            do throws(EngineError) {
                try await container.remove(force: false)
            } catch {
                switch error {
                // Another client started or removed it meanwhile.
                case .conflict, .noSuchContainer: continue
                default: throw error
                }
            }
            result.deleted.append(record.id)
            result.spaceReclaimed = result.spaceReclaimed.saturatingAdd(size)
        }
        environment.journal.publish(
            EventMessage(
                Type: "container", Action: "prune",
                Actor: .init(ID: "", Attributes: ["reclaimed": String(result.spaceReclaimed)]),
                timeNano: Clock.nanoseconds()))
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
        let table = try ProcessTable(arguments: arguments ?? "-ef").table(processes)
        await container.publish("top")
        return table
    }
}
