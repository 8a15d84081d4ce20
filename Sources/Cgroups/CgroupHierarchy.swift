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
        package let path: String
    }

    /// Version 1, in the order of mounting.
    package let mounts: [Mount]
    /// The cgroup2 mount, if there is one.
    package let unified: String?

    package var mode: Mode { mounts.isEmpty ? .v2 : unified == nil ? .v1 : .hybrid }

    /// Reads the caller's mounts (/proc/self/mountinfo).
    package static func detect() throws(CgroupError) -> CgroupHierarchy {
        guard let text = ControlFile.read("/proc/self/mountinfo") else {
            throw CgroupError("find the hierarchies", "/proc/self/mountinfo", code: errno)
        }
        let result = parse(text)
        guard !result.mounts.isEmpty || result.unified != nil else {
            throw CgroupError("find the hierarchies", "/sys/fs/cgroup", "no cgroup file system is mounted")
        }
        return result
    }

    package static func parse(_ mountinfo: String) -> CgroupHierarchy {
        var mounts: [Mount] = []
        var unified: String?
        for line in mountinfo.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), dash + 3 < words.count, dash > 5 else { continue }
            let path = unescape(words[4])
            // A bind of a part of a hierarchy shows a root other than "/" and is not ours to use.
            guard words[3] == "/" else { continue }
            switch words[dash + 1] {
            case "cgroup2": if unified == nil { unified = path }
            case "cgroup":
                let name = String(path.split(separator: "/").last ?? "")
                let options = words[dash + 3].split(separator: ",").map { String($0) }
                let controllers = options.filter { known.contains($0) }
                let isNamed = options.contains { $0.hasPrefix("name=") }
                if !mounts.contains(where: { $0.controllers == controllers && $0.name == name }),
                    isNamed || !controllers.isEmpty
                {
                    mounts.append(Mount(name: name, controllers: controllers, path: path))
                }
            default: continue
            }
        }
        return CgroupHierarchy(mounts: mounts, unified: unified)
    }

    private static let known: Set<String> = [
        "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "net_cls", "blkio", "perf_event", "net_prio",
        "hugetlb", "pids", "rdma", "misc",
    ]

    /// mountinfo writes blanks as \040.
    private static func unescape(_ text: Substring) -> String {
        guard text.contains("\\") else { return String(text) }
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

    /// The controllers that can limit something here: a limit of any other is not set, and a warning is due.
    package var controllers: Set<String> {
        var result = Set(mounts.flatMap(\.controllers))
        if mode == .v2, let unified, let text = ControlFile.read(unified + "/cgroup.controllers") {
            result.formUnion(text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map { String($0) })
        }
        return result
    }

    /// The version 1 mount of a controller.
    package func mount(of controller: String) -> Mount? { mounts.first { $0.controllers.contains(controller) } }
}
