internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Monitor
internal import OCI
internal import Runtime

/// The state of a container between commands: `ROOT/ID/state.json`.
struct StateRecord {
    static let file = "state.json"

    var id: String
    /// 0 until there is a process.
    var pid: Int32 = 0
    var startTime: UInt64 = 0
    /// The set-up is complete: the process waits at its gate or has passed it.
    var isReady = false
    var bundle = ""
    var rootfs = ""
    var created = ""
    /// Its cgroup directories by hierarchy, as in runc's state, because another command may run in another cgroup.
    var cgroups: [(controller: String, path: String)] = []
    /// The hierarchies in which the cgroup existed before; there it is not removed.
    var keptCgroups: Set<String> = []
    /// The cgroup was made for this container, or checked to be empty: before that, processes in it may be another container's.
    var ownsCgroup = false
    /// The systemd unit of its cgroup; empty without systemd.
    private var unit = ""
    private var unitIsOfUser = false
    /// The container has no pid namespace of its own: killing the init process does not kill the others.
    var sharesProcesses = false
    /// It has no session keyring of its own (`--no-new-keyring`).
    var inheritsKeyring = false
    /// The kinds of hooks in its configuration.
    var hookKinds: [Hook.Kind] = []
    var annotations = JSONObject()

    init(id: String) { self.id = id }

    /// The record of a container being created.
    init(id: String, _ configuration: BundleConfiguration, bundle: String) {
        self.id = id
        self.bundle = bundle
        rootfs = configuration.launch.rootfsPath
        created = Timestamp.now().description
        annotations = configuration.annotations
        sharesProcesses = !configuration.launch.namespaces.pid.isNew
        hookKinds = configuration.hooks.kinds
    }

    func save(in directory: borrowing StateDirectory) throws(LaunchFailure) {
        let document: JSON = [
            "id": .string(id), "pid": JSON(pid), "startTime": JSON(startTime), "isReady": .bool(isReady),
            "bundle": .string(bundle), "rootfs": .string(rootfs), "created": .string(created),
            "cgroup_paths": .object(JSONObject(cgroups.map { ($0.controller, .string($0.path)) })),
            "kept_cgroups": .array(keptCgroups.sorted().map { .string($0) }), "ownsCgroup": .bool(ownsCgroup),
            "sharesProcesses": .bool(sharesProcesses), "unit": .string(unit), "unitOfUser": .bool(unitIsOfUser),
            "inheritsKeyring": .bool(inheritsKeyring),
            "hooks": .array(hookKinds.map { .string($0.rawValue) }),
            "annotations": .object(annotations),
        ]
        try directory.replace(document.serialized(), Self.file)
    }

    static func load(_ id: String, _ root: String) throws(LaunchFailure) -> StateRecord {
        let path = StateDirectory.path(id, root) + "/" + Self.file
        guard access(path, F_OK) == 0 else { throw LaunchFailure("container does not exist: \(id)") }
        let document: JSON
        do {
            document = try JSON.parse(try Files.read(path))
        } catch {
            throw LaunchFailure("state of container \(id): \(error); remove it with delete --force")
        }
        var record = StateRecord(id: id)
        record.pid = Int32(clamping: document["pid"]?.intValue ?? 0)
        record.startTime = UInt64(clamping: document["startTime"]?.intValue ?? 0)
        record.isReady = document["isReady"]?.boolValue ?? false
        record.bundle = document["bundle"]?.stringValue ?? ""
        record.rootfs = document["rootfs"]?.stringValue ?? ""
        record.created = document["created"]?.stringValue ?? ""
        for (controller, path) in document["cgroup_paths"]?.objectValue ?? JSONObject() {
            record.cgroups.append((controller, path.stringValue ?? ""))
        }
        record.keptCgroups = Set(document["kept_cgroups"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        // A record of an earlier release, which did not say so, is of a container that is there.
        record.ownsCgroup = document["ownsCgroup"]?.boolValue ?? true
        record.unit = document["unit"]?.stringValue ?? ""
        record.unitIsOfUser = document["unitOfUser"]?.boolValue ?? false
        record.sharesProcesses = document["sharesProcesses"]?.boolValue ?? false
        record.inheritsKeyring = document["inheritsKeyring"]?.boolValue ?? false
        record.hookKinds =
            document["hooks"]?.arrayValue?.compactMap { $0.stringValue.flatMap(Hook.Kind.init) } ?? Hook.Kind.allCases
        record.annotations = document["annotations"]?.objectValue ?? JSONObject()
        return record
    }

    var scope: SystemdScope? {
        get { unit.isEmpty ? nil : SystemdScope(unit: unit, isOfUser: unitIsOfUser) }
        set { (unit, unitIsOfUser) = (newValue?.unit ?? "", newValue?.isOfUser ?? false) }
    }

    /// The name of its session keyring; empty for the caller's.
    var keyring: String { inheritsKeyring ? "" : "_ses.\(id)" }

    /// A pidfd of the init process; nil when it has exited or its pid was reused.
    func process() -> Descriptor? {
        guard pid > 0 else { return nil }
        let handle = linux_pidfd_open(pid)
        guard handle >= 0 else { return nil }
        let descriptor = Descriptor(owning: handle)
        let now = ProcessStatus.status(pid)
        guard let now, now.startTime == startTime, now.state != "Z", now.state != "X" else { return nil }
        return descriptor
    }

    enum Status: String { case creating, created, running, paused, stopped }

    func status(_ root: String) -> Status {
        guard isReady else { return StateDirectory.isBeingCreated(id, root) ? .creating : .stopped }
        guard process() != nil else { return .stopped }
        if isFrozen { return .paused }
        return StateDirectory.hasGate(id, root) ? .created : .running
    }

    private var isFrozen: Bool {
        if let isFrozen = Cgroup.isFrozen(places: cgroups) { return isFrozen }
        return openCgroup()?.isFrozen ?? false
    }

    func openCgroup() -> Cgroup? {
        guard !cgroups.isEmpty, let hierarchy = try? HostCgroups.hierarchy.get() else { return nil }
        return Cgroup(places: cgroups, kept: keptCgroups, in: hierarchy)
    }

    mutating func keep(_ cgroup: Cgroup?) {
        cgroups = cgroup?.places.map { ($0.controller, $0.path) } ?? []
        keptCgroups = cgroup?.kept ?? []
    }

    /// The OCI state document with runc's two additional members.
    func document(_ status: Status, owner: String = "") -> JSON {
        var members: [(String, JSON)] = [
            ("ociVersion", .string(Documents.specification)), ("id", .string(id)),
            ("pid", JSON(status == .stopped ? 0 : pid)), ("status", .string(status.rawValue)),
            ("bundle", .string(bundle)), ("rootfs", .string(rootfs)), ("created", .string(created)),
        ]
        if !annotations.isEmpty { members.append(("annotations", .object(annotations))) }
        members.append(("owner", .string(owner)))
        return .object(JSONObject(members))
    }

    func document(_ root: String) -> JSON { document(status(root)) }
}
