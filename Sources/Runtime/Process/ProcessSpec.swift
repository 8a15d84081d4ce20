internal import ByteText

/// The user that a process runs as.
package enum ContainerUser: Equatable, Sendable {
    /// IDs that were resolved outside the container.
    case ids(uid: UInt32, gid: UInt32, groups: [UInt32])
    /// Docker's `user[:group]`, resolved with the container's own /etc/passwd and /etc/group. Empty is root.
    case name(String)
}

/// One resource limit (setrlimit(2)); `UInt64.max` is unlimited.
package struct ResourceLimit: Equatable, Sendable {
    /// RLIMIT_* number.
    package var resource: Int32
    package var soft: UInt64
    package var hard: UInt64

    package init(resource: Int32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }

    private static let order = [
        "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
        "msgqueue", "nice", "rtprio", "rttime",
    ]

    static func name(of resource: Int32) -> String {
        order.indices.contains(Int(resource)) ? order[Int(resource)] : String(resource)
    }

    /// The RLIMIT_* number of `nofile`, `RLIMIT_NOFILE`, …; nil when unknown.
    package static func number(named name: String) -> Int32? {
        var short = name.lowercased()
        if short.hasBytePrefix("rlimit_") { short.removeFirst(7) }
        return order.firstIndex(of: short).map { Int32($0) }
    }
}

/// A process to start in a container: OCI's `process`, for the init process and every exec.
package struct ProcessSpec: Equatable, Sendable {
    package var args: [String] = []
    /// `NAME=value`. HOME is added when it is missing.
    package var env: [String] = []
    /// Created when it does not exist.
    package var cwd = "/"
    package var user = ContainerUser.name("")
    /// `--group-add`: names (looked up in the container) or numbers.
    package var additionalGroups: [String] = []
    package var capabilities = CapabilitySets.dockerDefault
    package var rlimits: [ResourceLimit] = []
    package var noNewPrivileges = false
    /// A compiled filter (struct sock_filter[]); empty for none.
    package var seccomp: [UInt8] = []
    /// SECCOMP_FILTER_FLAG_* of seccomp(2).
    package var seccompFlags: UInt32 = 0
    /// The filter has a listener: its descriptor is sent over the status socket.
    package var seccompNotifies = false
    /// Nil keeps the caller's.
    package var oomScoreAdj: Int32?
    /// When the caller lacks CAP_SYS_RESOURCE, skip raising limits and lowering `oomScoreAdj` with a warning. Otherwise it is an
    /// error, as for bundles.
    package var isLenient = false
    /// The same for limits only: podman requests higher ones by default than a machine may allow.
    package var clampsLimits = false
    package var scheduling: Scheduling?
    package var ioPriority: IOPriority?
    /// The execution domain (personality(2)).
    package var personality: UInt64?
    /// CPU masks before and after joining the cgroups; empty keeps the caller's.
    package var initialAffinity: [UInt8] = []
    package var finalAffinity: [UInt8] = []
    /// The name of a session keyring to create or join; empty keeps the caller's.
    package var keyring = ""
    package var appArmorProfile = ""
    package var seLinuxLabel = ""
    package var umask: UInt32 = 0o022
    package var tty = false
    package var columns: UInt16 = 0
    package var rows: UInt16 = 0
    /// Keep standard input open (`-i`); otherwise it is /dev/null.
    package var openStdin = false
    /// Close standard input when the first attached client closes its side.
    package var stdinOnce = false

    package init() {}
}

/// A process to start in a running container.
package typealias ExecSpec = ProcessSpec
