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
}
