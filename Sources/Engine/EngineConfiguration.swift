/// What the daemon was told: roots, and the defaults of containers.
package struct EngineConfiguration: Sendable {
    package var dataRoot = "/var/lib/gantry"
    package var execRoot = "/run/gantry"
    /// The executable that becomes a container's monitor.
    package var monitorExecutable = "gantry-monitor"
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

    /// Where the default roots are.
    private static let defaults = EngineConfiguration()

    /// Tells this daemon's bridge, firewall table and cgroups from those of daemons with other roots: empty for the default
    /// roots, else eight hexadecimal digits.
    package var instance: String {
        if dataRoot == Self.defaults.dataRoot, execRoot == Self.defaults.execRoot { return "" }
        var hash: UInt32 = 0x811c_9dc5
        for byte in (dataRoot + "\0" + execRoot).utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// The cgroup above all containers' cgroups.
    package var cgroupParent: String { instance.isEmpty ? "/gantry" : "/gantry-" + instance }
}
