package import DockerAPI

/// What the daemon was told: roots, and the defaults of containers.
package struct EngineConfiguration: Sendable {
    package var dataRoot = "/var/lib/gantry"
    package var execRoot = "/run/gantry"
    /// The executable that becomes a container's monitor.
    package var monitorExecutable = "gantry-monitor"
    /// The cgroup above all containers' cgroups; daemons on one machine each have their own.
    package var cgroupParent = "/gantry"
    package var sharedMemorySize: Int64 = 64 << 20
    package var noNewPrivileges = false
    /// `builtin`, `unconfined` or the text of a profile.
    package var seccompProfile = "builtin"
    /// Where that text comes from, as `info` shows it.
    package var seccompProfileName = "builtin"
    /// For what a container does not limit itself.
    package var ulimits: [Ulimit] = []
    package var cgroupNamespaceMode = "private"
    package var ipcMode = "private"
    package var logDriver = "json-file"
    package var dns: [String] = []
    package var dnsSearch: [String] = []
    package var dnsOptions: [String] = []
    package var labels: [String] = []
    package var insecureRegistries: [String] = []
    package var registryMirrors: [String] = []
    package var debug = false
    package var version = "0.1.0"
    package var commit = ""

    package init() {}

    /// Refuses what no container could start with.
    package func check() throws(EngineError) {
        _ = try SecurityOptions.seccomp(seccompProfile)
        _ = try LaunchPlan.limits(ulimits)
    }
}
