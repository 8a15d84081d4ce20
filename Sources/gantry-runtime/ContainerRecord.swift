internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// What is kept of a container between commands: `ROOT/ID/state.json`, and `start`, the FIFO it waits at.
struct ContainerRecord {
    var id: String
    var pid: Int32 = 0
    var startTime: UInt64 = 0
    var bundle = ""
    var rootfs = ""
    var created = ""
    var cgroup = ""
    var annotations = JSONObject()

    static func directory(_ id: String, _ root: String) -> String { root + "/" + id }
    static func gate(_ id: String, _ root: String) -> String { directory(id, root) + "/start" }

    func save(_ root: String) throws(LaunchFailure) {
        let document: JSON = [
            "id": .string(id), "pid": JSON(pid), "startTime": JSON(startTime), "bundle": .string(bundle),
            "rootfs": .string(rootfs), "created": .string(created), "cgroup": .string(cgroup),
            "annotations": .object(annotations),
        ]
        let path = Self.directory(id, root) + "/state.json"
        try Files.write(document.serialized(), path + ".new", mode: 0o600)
        guard rename(path + ".new", path) == 0 else { throw Files.failure("write \(path)") }
    }

    static func load(_ id: String, _ root: String) throws(LaunchFailure) -> ContainerRecord {
        let path = directory(id, root) + "/state.json"
        guard access(path, F_OK) == 0 else { throw LaunchFailure("container \(id) does not exist") }
        let document: JSON
        do {
            document = try JSON.parse(try Files.read(path))
        } catch {
            throw LaunchFailure("state of container \(id): \(error)")
        }
        var record = ContainerRecord(id: id)
        record.pid = Int32(clamping: document["pid"]?.intValue ?? 0)
        record.startTime = UInt64(clamping: document["startTime"]?.intValue ?? 0)
        record.bundle = document["bundle"]?.stringValue ?? ""
        record.rootfs = document["rootfs"]?.stringValue ?? ""
        record.created = document["created"]?.stringValue ?? ""
        record.cgroup = document["cgroup"]?.stringValue ?? ""
        record.annotations = document["annotations"]?.objectValue ?? JSONObject()
        return record
    }

    /// A descriptor of the first process, which is no other of the same number; nil when it has ended.
    func process() -> Descriptor? {
        let handle = linux_pidfd_open(pid)
        guard handle >= 0 else { return nil }
        let descriptor = Descriptor(owning: handle)
        let now = ProcessTable.status(pid)
        guard let now, now.startTime == startTime, now.state != "Z", now.state != "X" else { return nil }
        return descriptor
    }

    func status(_ root: String) -> String {
        guard pid > 0 else { return "creating" }
        guard process() != nil else { return "stopped" }
        if access(Self.gate(id, root), F_OK) == 0 { return "created" }
        if let cgroup = openCgroup(), cgroup.isFrozen { return "paused" }
        return "running"
    }

    func openCgroup() -> Cgroup? {
        guard !cgroup.isEmpty, let hierarchy = try? HostCgroups.hierarchy.get() else { return nil }
        return Cgroup(cgroup, in: hierarchy)
    }

    /// The OCI state document.
    func document(_ root: String) -> JSON {
        let status = status(root)
        var members: [(String, JSON)] = [
            ("ociVersion", "1.2.0"), ("id", .string(id)), ("pid", JSON(status == "stopped" ? 0 : pid)),
            ("status", .string(status)), ("bundle", .string(bundle)), ("rootfs", .string(rootfs)),
            ("created", .string(created)), ("owner", ""),
        ]
        if !annotations.isEmpty { members.append(("annotations", .object(annotations))) }
        return .object(JSONObject(members))
    }
}

/// The machine's cgroups, looked at once: a command is over before they change, and reading every mount takes 0.1 ms.
enum HostCgroups {
    static let hierarchy = Result<CgroupHierarchy, CgroupError> { () throws(CgroupError) in try CgroupHierarchy.detect()
    }
}

/// What /proc says of a process.
enum ProcessTable {
    static func status(_ pid: Int32) -> (state: Character, startTime: UInt64)? {
        guard let bytes = try? Files.read("/proc/\(pid)/stat"), let end = bytes.lastIndex(of: 0x29) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: 0x20)
        guard fields.count > 19, let state = fields[0].first else { return nil }
        return (
            Character(UnicodeScalar(state)), UInt64(String(decoding: fields[19], as: UTF8.self)) ?? 0
        )
    }
}

/// Whole files.
enum Files {
    static func failure(_ what: String) -> LaunchFailure {
        LaunchFailure("\(what): \(SystemError("", code: errno).reason)")
    }

    static func read(_ path: String) throws(LaunchFailure) -> [UInt8] {
        do throws(SystemError) {
            return try Descriptor.open(path, O_RDONLY).readAll(limit: 16 << 20)
        } catch {
            throw LaunchFailure("read \(path): \(error.reason)")
        }
    }

    static func write(_ bytes: [UInt8], _ path: String, mode: mode_t) throws(LaunchFailure) {
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
            var error: SystemError?
            bytes.withUnsafeBytes { buffer in
                do throws(SystemError) { try file.writeAll(buffer) } catch let failure { error = failure }
            }
            if let error { throw error }
        } catch {
            throw LaunchFailure("write \(path): \(error.reason)")
        }
    }

    static func makeDirectory(_ path: String, mode: mode_t) throws(LaunchFailure) {
        var current = ""
        for part in path.split(separator: "/") {
            current += "/" + part
            if mkdir(current, mode) < 0 && errno != EEXIST && errno != EROFS { throw failure("create \(current)") }
        }
    }
}
