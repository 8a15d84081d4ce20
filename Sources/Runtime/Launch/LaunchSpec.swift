/// A cgroup directory that the container's process joins by itself.
package struct CgroupJoin: Equatable, Sendable {
    /// The name of the hierarchy's directory under /sys/fs/cgroup: `memory`, `cpu,cpuacct`; empty for cgroup2.
    package var controller: String
    /// The directory on the host.
    package var path: String

    package init(controller: String, path: String) {
        self.controller = controller
        self.path = path
    }
}

/// Everything the monitor needs to start a container's init process. Sent in a sealed memfd (MonitorProtocol).
package struct LaunchSpec: Sendable {
    package var process = ProcessSpec()
    package var hostname = ""
    package var domainname = ""
    package var namespaces = NamespaceChoices()
    /// The ID mappings of a new user namespace.
    package var userMappings: [IdentityMapping] = []
    package var groupMappings: [IdentityMapping] = []
    /// The clock offsets of a new time namespace.
    package var clockOffsets: [ClockOffset] = []
    /// In order; those below /sys are mounted last, when the network namespace exists.
    package var mounts: [MountSpec] = []
    /// The root directory, used when the launch has no mount descriptor of it.
    package var rootfsPath = ""
    package var readonlyRootfs = false
    package var rootfsPropagation = MountPropagation.rprivate
    /// The SELinux label of new file systems; empty when the kernel has no SELinux.
    package var mountLabel = ""
    package var maskedPaths: [String] = []
    package var readonlyPaths: [String] = []
    package var devices: [DeviceSpec] = []
    /// Name (with dots) and value.
    package var sysctls: [(name: String, value: String)] = []
    package var cgroups: [CgroupJoin] = []
    /// The daemon passes the network namespace later, in a `network` message.
    package var takesNetworkFromDaemon = false
    /// Wait for a byte on the status socket while the caller runs the OCI hooks. Not encoded.
    package var waitsForHooks = false
    /// Move the root over the host's instead of pivot_root(2), which does not work on a ramfs root. Not encoded.
    package var noPivot = false
    /// A mount of a null device for ``maskedPaths``, made by the caller; -1 for none. Not encoded.
    var null: Int32 = -1
    /// The hooks that the container's process runs itself. Not encoded.
    package var containerHooks: ContainerHooks?

    /// The mount option that sets ``mountLabel``.
    var labelOptions: [String] { mountLabel.isEmpty ? [] : ["context=" + mountLabel] }

    /// Whether the process creates its network namespace itself.
    var makesNetwork: Bool { namespaces.network.isNew && !takesNetworkFromDaemon }

    /// Hooks need the root attached at its own path.
    var isRootSeen: Bool { waitsForHooks || containerHooks != nil }

    package init() {}

    /// Paths that Docker hides.
    package static let dockerMaskedPaths = [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
        "/sys/devices/virtual/powercap",
    ]

    /// Paths that Docker makes read-only.
    package static let dockerReadonlyPaths = [
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    ]
}
