internal import ByteText
internal import Glibc

/// Where this machine's cgroups are: version 1, version 2, or both (hybrid).
package struct CgroupHierarchy: Equatable, Sendable {
    package enum Mode: Equatable, Sendable { case v1, hybrid, v2 }

    /// One hierarchy of version 1.
    package struct Mount: Equatable, Sendable {
        /// The folder's name: `memory`, `cpu,cpuacct`, `systemd`.
        package let name: String
        /// `memory`; `cpu` and `cpuacct`; empty for a named hierarchy.
        package let controllers: [String]
        /// Where names start.
        package let path: String
        /// What is mounted there of the hierarchy: `/`, or in a container its own cgroup.
        let root: String
        /// As /proc/PID/cgroup names it: `memory`, `cpu,cpuacct`, `name=systemd`.
        let label: String
    }

    /// Version 1, in the order of mounting.
    package let mounts: [Mount]
    /// The cgroup2 mount, if there is one.
    package let unified: String?
    let unifiedRoot: String
    /// What the cgroup2 mount can limit, in version 2's names: `memory`, `io`.
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

    /// `controllers` says what a cgroup2 mount can limit.
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
            // A bind of a part of a hierarchy is not ours to use, except where a container sees its own like that.
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
                // The same hierarchy may be mounted again; a whole one is better than a part.
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

    /// Most lines are of other file systems: looked at byte by byte, they cost next to nothing.
    private static func isCgroup(_ line: ArraySlice<UInt8>) -> Bool {
        var start = line.startIndex
        while let dash = line[start...].firstIndex(of: UInt8(ascii: "-")) {
            start = dash + 1
            // The optional fields before it have no dash of their own between blanks.
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

    /// The controllers that can limit something here, in version 1's names where a version 1 mount has them.
    package var controllers: Set<String> { Set(mounts.flatMap(\.controllers)).union(unifiedControllers) }

    /// The version 1 mount of a controller.
    package func mount(of controller: String) -> Mount? { mounts.first { $0.controllers.contains(controller) } }
}
