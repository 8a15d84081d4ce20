internal import ByteText
internal import DockerAPI
internal import Images
internal import JSON
internal import Networking
internal import OCI

/// The `filters` of `GET /containers/json` and of `POST /containers/prune`.
struct ContainerFilter: Sendable {
    private let values: FilterValues
    private var before: Int64?
    private var since: Int64?
    /// The images of `ancestor` and all that were made of them.
    private var ancestors: Set<String>?
    private var isTask: Bool?
    private var published: [PortCondition] = []
    private var exposed: [PortCondition] = []
    private var until: Timestamp?

    init(list filters: [String: [String]], _ engine: Engine) throws(EngineError) {
        values = FilterValues(filters)
        try values.refuseAllBut([
            "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name",
            "network", "publish", "since", "status", "volume",
        ])
        try check("status", ["created", "running", "paused", "restarting", "removing", "exited", "dead"])
        try check("health", ["none", "starting", "healthy", "unhealthy"])
        for code in values["exited"] where Int(code) == nil { throw .invalid("invalid filter 'exited=\(code)'") }
        for name in values["before"] { before = try engine.find(name).record.createdAt }
        for name in values["since"] { since = try engine.find(name).record.createdAt }
        isTask = try values.flag("is-task")
        for value in values["publish"] { published.append(try PortCondition("publish", value)) }
        for value in values["expose"] { exposed.append(try PortCondition("expose", value)) }
        if values.contains("ancestor") {
            ancestors = Self.descendants(of: values["ancestor"], engine.environment.images)
        }
    }

    init(prune filters: [String: [String]]) throws(EngineError) {
        values = FilterValues(filters)
        try values.refuseAllBut(["label", "label!", "until"])
        guard let text = values["until"].first else { return }
        if values["until"].count > 1 { throw .invalid("more than one until filter specified") }
        guard let moment = Timestamp(moment: text) else {
            throw .invalid("failed to parse value as time or duration: \(quoted(text))")
        }
        until = moment
    }

    private func check(_ name: String, _ known: Set<String>) throws(EngineError) {
        for value in values[name] where !known.contains(value) { throw .invalid("invalid filter '\(name)=\(value)'") }
    }

    /// A name that is no image's admits nothing.
    private static func descendants(of names: [String], _ images: ImageService) -> Set<String> {
        var found = Set(names.compactMap { try? images.resolve($0).id.description })
        guard !found.isEmpty, let all = try? images.list(all: true) else { return found }
        var rest = all.compactMap { image in image.parent.map { (image.id.description, $0.description) } }
        while true {
            let known = found
            found.formUnion(rest.filter { known.contains($0.1) }.map(\.0))
            if found.count == known.count { return found }
            rest.removeAll { found.contains($0.0) }
        }
    }

    /// A state was asked for, so that containers that do not run are wanted too.
    var namesState: Bool { values.contains("status") }

    func admits(_ record: ContainerRecord) -> Bool {
        if let before, record.createdAt >= before { return false }
        if let since, record.createdAt <= since { return false }
        if let ancestors, !ancestors.contains(record.image) { return false }
        if let until, record.createdAt / 1_000_000_000 >= until.seconds { return false }
        // There are no tasks and no health checks.
        if isTask == true { return false }
        let labels = record.config.Labels ?? [:]
        if values.contains("label!"), values.labels("label!", labels) { return false }
        return values.labels("label", labels) && values.equals("health", "none")
            && values.equals("status", record.state.Status) && values.matches("id", record.id)
            && (values.matches("name", record.name) || values.matches("name", "/" + record.name))
            && hasExited(record.state) && hasPort(record) && isInNetwork(record) && hasMount(record)
    }

    private func hasExited(_ state: ContainerState) -> Bool {
        guard values.contains("exited") else { return true }
        return !state.Running && state.FinishedAt != ContainerState.never
            && values["exited"].contains { Int($0) == state.ExitCode }
    }

    /// One of either kind is enough.
    private func hasPort(_ record: ContainerRecord) -> Bool {
        guard !published.isEmpty || !exposed.isEmpty else { return true }
        return PortPlan.published(record).contains { port in
            published.contains { $0.admits(port.PublicPort, port.`Type`) }
                || exposed.contains { $0.admits(port.PrivatePort, port.`Type`) }
        }
    }

    private func isInNetwork(_ record: ContainerRecord) -> Bool {
        values.equals("network", record.networkMode)
            || values["network"].contains { record.endpoint?.networkID.hasBytePrefix($0) == true }
    }

    private func hasMount(_ record: ContainerRecord) -> Bool {
        !values.contains("volume")
            || values["volume"].contains { value in
                record.mounts.contains { $0.Source == value || $0.Destination == value }
            }
    }
}

/// A value of `publish` or `expose`: `8080`, `8000-8010`, each with `/udp` or another protocol.
private struct PortCondition: Sendable {
    private let ports: ClosedRange<Int>
    private let transport: String

    init(_ filter: String, _ text: String) throws(EngineError) {
        if text.contains(byte: ":") { throw .invalid("filter for '\(filter)' should not contain ':': \(text)") }
        let (range, transport) = text.cut(at: "/")
        self.transport = transport.map { $0.lowercased() } ?? "tcp"
        let ends = range.split(byte: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else {
            throw .invalid("error while looking up for \(filter) \(text): invalid port range")
        }
        ports = Int(first)...Int(last)
    }

    func admits(_ port: Int?, _ transport: String) -> Bool {
        self.transport == transport && port.map { ports.contains($0) } ?? false
    }
}
