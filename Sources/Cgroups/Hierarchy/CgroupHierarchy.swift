internal import ByteText
internal import Glibc

/// The cgroup mounts of this machine: version 1, version 2, or both (hybrid).
package struct CgroupHierarchy: Equatable, Sendable {
    package enum Mode: Equatable, Sendable { case v1, hybrid, v2 }

    /// One hierarchy of version 1.
    package struct Mount: Equatable, Sendable {
        /// The mount directory's name: `memory`, `cpu,cpuacct`, `systemd`.
        package let name: String
        /// `memory`; `cpu` and `cpuacct`; empty for a named hierarchy.
        package let controllers: [String]
        /// The mount point, to which names are relative.
        package let path: String
        /// The mounted part of the hierarchy: `/`, or in a container its own cgroup.
        let root: String
        /// Its name in /proc/PID/cgroup: `memory`, `cpu,cpuacct`, `name=systemd`.
        let label: String
    }

    /// Version 1, in the order of mounting.
    package let mounts: [Mount]
    /// The cgroup2 mount, if there is one.
    package let unified: String?
    let unifiedRoot: String
    /// The controllers of the cgroup2 mount, by version 2 names: `memory`, `io`.
    package let unifiedControllers: Set<String>

    package var mode: Mode { mounts.isEmpty ? .v2 : unified == nil ? .v1 : .hybrid }

    /// Reads the caller's mounts (/proc/self/mountinfo).
    package static func detect() throws(CgroupError) -> CgroupHierarchy {
        guard let table = ControlFile.bytes("/proc/self/mountinfo") else {
            throw CgroupError("find the hierarchies", "/proc/self/mountinfo", code: errno)
        }
        let result = parse(table) { ControlFile.words($0 + "/cgroup.controllers") }
        guard !result.mounts.isEmpty || result.unified != nil else {
            throw CgroupError("find the hierarchies", "/sys/fs/cgroup", "no cgroup file system is mounted")
        }
        return result
    }

    /// `controllers` returns the controllers of a cgroup2 mount.
    package static func parse(
        _ mountinfo: [UInt8], controllers: (String) -> [String] = { _ in [] }
    ) -> CgroupHierarchy {
        var mounts: [Mount] = []
        var unified: (path: String, root: String)?
        for line in mountinfo.split(separator: UInt8(ascii: "\n")) where isCgroup(line) {
            let words = line.split(separator: UInt8(ascii: " "))
            guard let dash = words.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash + 3 < words.count, dash > 5
            else { continue }
            let path = unescape(String(decoding: words[4], as: UTF8.self))
            let root = unescape(String(decoding: words[3], as: UTF8.self))
            // Skips bind mounts of part of a hierarchy, except below /sys/fs/cgroup, where a container sees its own cgroup.
            guard root == "/" || path.hasBytePrefix("/sys/fs/cgroup"), !root.hasBytePrefix("/..") else { continue }
            switch String(decoding: words[dash + 1], as: UTF8.self) {
            case "cgroup2":
                guard let known = unified, known.root == "/" || root != "/" else {
                    unified = (path, root)
                    continue
                }
            case "cgroup":
                let options = words[dash + 3].split(separator: UInt8(ascii: ","))
                    .map { String(decoding: $0, as: UTF8.self) }
                let controllers = options.filter { known.contains($0) }
                guard let label = options.first(where: { $0.hasBytePrefix("name=") }) ?? label(controllers) else {
                    continue
                }
                let mount = Mount(
                    name: String(path.split(byte: "/").last ?? ""), controllers: controllers, path: path,
                    root: root, label: label)
                // A hierarchy may be mounted twice; a mount of the whole is preferred.
                if let index = mounts.firstIndex(where: { $0.label == label }) {
                    if mounts[index].root != "/" && root == "/" { mounts[index] = mount }
                } else {
                    mounts.append(mount)
                }
            default: continue
            }
        }
        return CgroupHierarchy(
            mounts: mounts, unified: unified?.path, unifiedRoot: unified?.root ?? "/",
            unifiedControllers: Set(unified.map { controllers($0.path) } ?? []))
    }

    /// Compares bytes, because most mounts are of other file systems.
    private static func isCgroup(_ line: ArraySlice<UInt8>) -> Bool {
        var start = line.startIndex
        while let dash = line[start...].firstIndex(of: UInt8(ascii: "-")) {
            start = dash + 1
            // The optional fields before the separator contain no single dash.
            guard dash > line.startIndex, line[dash - 1] == 0x20 else { continue }
            return line[start...].starts(with: " cgroup".utf8)
        }
        return false
    }

    private static func label(_ controllers: [String]) -> String? {
        controllers.first.map { controllers.dropFirst().reduce($0) { $0 + "," + $1 } }
    }

    private static let known = [
        "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "net_cls", "blkio", "perf_event", "net_prio",
        "hugetlb", "pids", "rdma", "misc",
    ]

    /// mountinfo writes blanks as \040.
    private static func unescape(_ text: String) -> String {
        guard text.utf8.contains(0x5c) else { return text }
        var result: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let first = bytes.popFirst() {
            if first == 0x5c, bytes.count >= 3,
                let value = UInt8(String(decoding: bytes.prefix(3), as: UTF8.self), radix: 8)
            {
                result.append(value)
                bytes = bytes.dropFirst(3)
            } else {
                result.append(first)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// All available controllers; those of version 1 mounts by their version 1 names.
    package var controllers: Set<String> { Set(mounts.flatMap(\.controllers)).union(unifiedControllers) }

    /// The version 1 mount of a controller.
    package func mount(of controller: String) -> Mount? { mounts.first { $0.controllers.contains(controller) } }
}
