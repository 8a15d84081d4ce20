internal import CLinux

/// The source of a container's namespace.
package enum NamespaceChoice: Equatable, Sendable {
    case host
    case new
    /// A namespace file: /proc/PID/ns/net, or a bind mount of one.
    case path(String)

    package var isNew: Bool { if case .new = self { true } else { false } }
}

/// The namespaces of a container; defaults as in Docker.
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

    /// All namespaces are the caller's, as for a bundle that lists none.
    package static var host: NamespaceChoices {
        var choices = NamespaceChoices()
        for kind in Kind.allCases { choices[kind] = .host }
        return choices
    }

    /// By OCI's names.
    package enum Kind: String, CaseIterable {
        case mount, pid, network, ipc, uts, cgroup, user, time

        /// The file name in /proc/PID/ns.
        var file: String {
            switch self {
            case .mount: return "mnt"
            case .network: return "net"
            default: return rawValue
            }
        }

        /// The CLONE_NEW* flag.
        var flag: UInt64 {
            switch self {
            case .mount: return linux_CLONE_NEWNS
            case .pid: return linux_CLONE_NEWPID
            case .network: return linux_CLONE_NEWNET
            case .ipc: return linux_CLONE_NEWIPC
            case .uts: return linux_CLONE_NEWUTS
            case .cgroup: return linux_CLONE_NEWCGROUP
            case .user: return linux_CLONE_NEWUSER
            case .time: return linux_CLONE_NEWTIME
            }
        }
    }

    package subscript(kind: Kind) -> NamespaceChoice {
        get {
            switch kind {
            case .mount: return mount
            case .pid: return pid
            case .network: return network
            case .ipc: return ipc
            case .uts: return uts
            case .cgroup: return cgroup
            case .user: return user
            case .time: return time
            }
        }
        set {
            switch kind {
            case .mount: mount = newValue
            case .pid: pid = newValue
            case .network: network = newValue
            case .ipc: ipc = newValue
            case .uts: uts = newValue
            case .cgroup: cgroup = newValue
            case .user: user = newValue
            case .time: time = newValue
            }
        }
    }

    /// The namespaces that differ from the caller's, as CLONE_NEW* flags.
    package var flags: UInt64 { Kind.allCases.reduce(0) { self[$1] == .host ? $0 : $0 | $1.flag } }

    /// Whether a stage process between caller and container has to enter namespaces: joining a pid or time namespace applies only
    /// to later children, and the caller must not join a user namespace itself.
    package var needStage: Bool {
        joinsProcesses || user != .host || time != .host
    }

    /// Whether an existing pid namespace is joined.
    var joinsProcesses: Bool {
        if case .path = pid { return true }
        return false
    }

    /// The namespaces to join, with their flags; without the mount namespace, which is joined last.
    var joined: [(flag: UInt64, path: String)] {
        var result: [(flag: UInt64, path: String)] = []
        for kind in [Kind.user, .pid, .network, .ipc, .uts, .cgroup, .time] {
            if case .path(let path) = self[kind] { result.append((kind.flag, path)) }
        }
        return result
    }
}

/// The offset of a clock in a new time namespace (time_namespaces(7)).
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
