internal import CLinux

/// Where a namespace of the container comes from.
package enum NamespaceChoice: Equatable, Sendable {
    case host
    case new
    /// A namespace file: /proc/PID/ns/net, or a bind mount of one.
    case path(String)
}

/// The namespaces of a container; Docker's defaults.
package struct NamespaceChoices: Equatable, Sendable {
    package var mount = NamespaceChoice.new
    package var pid = NamespaceChoice.new
    package var network = NamespaceChoice.new
    package var ipc = NamespaceChoice.new
    package var uts = NamespaceChoice.new
    package var cgroup = NamespaceChoice.new
    package var user = NamespaceChoice.host
    package var time = NamespaceChoice.host

    package init() {}

    /// None of its own, as in a bundle that names no namespace.
    package static var host: NamespaceChoices {
        var choices = NamespaceChoices()
        for (_, member) in members { choices[keyPath: member] = .host }
        return choices
    }

    /// OCI's names.
    package static var members: [(name: String, WritableKeyPath<NamespaceChoices, NamespaceChoice>)] {
        [
            ("mount", \.mount), ("pid", \.pid), ("network", \.network), ("ipc", \.ipc), ("uts", \.uts),
            ("cgroup", \.cgroup), ("user", \.user), ("time", \.time),
        ]
    }

    /// What has to be entered by a process between the caller and the container's: whose user, process or time
    /// namespace is only for what it clones afterwards, or may not be the caller's.
    package var needStage: Bool {
        if case .path = pid { return true }
        return user != .host || time != .host
    }

    /// Those that are joined, with the kernel's flag of each; not the mount namespace, which comes last.
    var joined: [(flag: UInt64, path: String)] {
        var result: [(flag: UInt64, path: String)] = []
        func add(_ flag: UInt64, _ choice: NamespaceChoice) {
            if case .path(let path) = choice { result.append((flag, path)) }
        }
        add(linux_CLONE_NEWUSER, user)
        add(linux_CLONE_NEWPID, pid)
        add(linux_CLONE_NEWNET, network)
        add(linux_CLONE_NEWIPC, ipc)
        add(linux_CLONE_NEWUTS, uts)
        add(linux_CLONE_NEWCGROUP, cgroup)
        add(linux_CLONE_NEWTIME, time)
        return result
    }

    func encode(to writer: inout BinaryWriter) {
        for (_, member) in Self.members {
            switch self[keyPath: member] {
            case .host: writer.put(UInt8(0))
            case .new: writer.put(UInt8(1))
            case .path(let path):
                writer.put(UInt8(2))
                writer.put(path)
            }
        }
    }

    init(from reader: inout BinaryReader) throws(LaunchFailure) {
        for (_, member) in Self.members {
            switch try reader.integer(UInt8.self) {
            case 0: self[keyPath: member] = .host
            case 1: self[keyPath: member] = .new
            case 2: self[keyPath: member] = .path(try reader.string())
            default: throw LaunchFailure("the message has an unknown kind of namespace")
            }
        }
    }
}

/// How much a clock of a new time namespace is ahead of the host's (time_namespaces(7)).
package struct ClockOffset: Equatable, Sendable {
    /// `monotonic` or `boottime`.
    package var clock: String
    package var seconds: Int64
    package var nanoseconds: UInt32

    package init(clock: String, seconds: Int64, nanoseconds: UInt32) {
        self.clock = clock
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}
