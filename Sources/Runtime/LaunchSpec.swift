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

/// Everything the monitor needs to start a container's first process. Travels in a sealed memfd.
package struct LaunchSpec: Equatable, Sendable {
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

    package static func == (left: LaunchSpec, right: LaunchSpec) -> Bool { left.encoded() == right.encoded() }
}

extension LaunchSpec {
    private static let version: UInt32 = 4

    /// The flat form, for a memfd.
    package func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        writer.put(Self.version)
        process.encode(to: &writer)
        writer.put(hostname)
        writer.put(domainname)
        namespaces.encode(to: &writer)
        for mappings in [userMappings, groupMappings] { writer.put(each: mappings) { $1.encode(to: &$0) } }
        writer.put(each: clockOffsets) {
            $0.put($1.clock)
            $0.put($1.seconds)
            $0.put($1.nanoseconds)
        }
        writer.put(each: mounts) { $1.encode(to: &$0) }
        writer.put(rootfsPath)
        writer.put(readonlyRootfs)
        writer.put(rootfsPropagation.rawValue)
        writer.put(mountLabel)
        writer.put(maskedPaths)
        writer.put(readonlyPaths)
        writer.put(each: devices) { $1.encode(to: &$0) }
        writer.put(each: sysctls) {
            $0.put($1.name)
            $0.put($1.value)
        }
        writer.put(each: cgroups) {
            $0.put($1.controller)
            $0.put($1.path)
        }
        writer.put(networkComes)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(LaunchFailure) {
        var reader = BinaryReader(bytes)
        guard try reader.integer(UInt32.self) == Self.version else {
            throw LaunchFailure("the launch message is of another version; restart the daemon after an upgrade")
        }
        process = try ProcessSpec(from: &reader)
        hostname = try reader.string()
        domainname = try reader.string()
        namespaces = try NamespaceChoices(from: &reader)
        userMappings = try reader.list { part throws(LaunchFailure) in try IdentityMapping(from: &part) }
        groupMappings = try reader.list { part throws(LaunchFailure) in try IdentityMapping(from: &part) }
        clockOffsets = try reader.list { part throws(LaunchFailure) in
            ClockOffset(clock: try part.string(), seconds: try part.integer(), nanoseconds: try part.integer())
        }
        mounts = try reader.list { part throws(LaunchFailure) in try MountSpec(from: &part) }
        rootfsPath = try reader.string()
        readonlyRootfs = try reader.bool()
        guard let propagation = MountPropagation(rawValue: try reader.string()) else {
            throw LaunchFailure("the message has an unknown mount propagation")
        }
        rootfsPropagation = propagation
        mountLabel = try reader.string()
        maskedPaths = try reader.strings()
        readonlyPaths = try reader.strings()
        devices = try reader.list { part throws(LaunchFailure) in try DeviceSpec(from: &part) }
        sysctls = try reader.list { part throws(LaunchFailure) in
            (name: try part.string(), value: try part.string())
        }
        cgroups = try reader.list { part throws(LaunchFailure) in
            CgroupJoin(controller: try part.string(), path: try part.string())
        }
        networkComes = try reader.bool()
        guard reader.isAtEnd else { throw LaunchFailure("the launch message has bytes after its end") }
    }
}
