/// A cgroup that the container's processes join themselves.
package struct CgroupJoin: Equatable, Sendable {
    /// The name of its hierarchy's folder under /sys/fs/cgroup: `memory`, `cpu,cpuacct`; empty for cgroup2.
    package var controller: String
    /// The directory on the host.
    package var path: String

    package init(controller: String, path: String) {
        self.controller = controller
        self.path = path
    }
}

/// Everything the monitor needs to start a container's first process. Travels in a sealed memfd (MonitorProtocol).
package struct LaunchSpec: Sendable {
    package var process = ProcessSpec()
    package var hostname = ""
    package var domainname = ""
    package var namespaces = NamespaceChoices()
    /// The IDs of a new user namespace.
    package var userMappings: [IdentityMapping] = []
    package var groupMappings: [IdentityMapping] = []
    /// The clocks of a new time namespace.
    package var clockOffsets: [ClockOffset] = []
    /// In order; those beneath /sys are made last, when the network namespace is there.
    package var mounts: [MountSpec] = []
    /// The root when no descriptor of a mount comes with the launch.
    package var rootfsPath = ""
    package var readonlyRootfs = false
    package var rootfsPropagation = MountPropagation.rprivate
    /// The SELinux label of file systems that are made for the container; empty where the kernel has no SELinux.
    package var mountLabel = ""
    package var maskedPaths: [String] = []
    package var readonlyPaths: [String] = []
    package var devices: [DeviceSpec] = []
    /// Name (with dots) and value.
    package var sysctls: [(name: String, value: String)] = []
    package var cgroups: [CgroupJoin] = []
    /// The network namespace arrives later, in a `network` message.
    package var networkComes = false
    /// Wait for a byte on the status socket while the OCI hooks run. Stays in this process: it is not encoded.
    package var waitsForHooks = false
    /// Move the root over the host's instead of pivot_root(2), which a machine whose root is a ramfs does not have.
    /// Not encoded.
    package var noPivot = false
    /// A mount of a null device that only the caller can make, for ``maskedPaths``; -1 for none. Not encoded.
    var null: Int32 = -1
    /// The hooks that the container's process runs itself. Not encoded either.
    package var containerHooks: ContainerHooks?

    /// What a file system is made with to have ``mountLabel``.
    var labelOptions: [String] { mountLabel.isEmpty ? [] : ["context=" + mountLabel] }

    /// Whether the process makes its network namespace itself.
    var makesNetwork: Bool { namespaces.network.isNew && !networkComes }

    /// Hooks look at the root at its own path.
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
