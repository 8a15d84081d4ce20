internal import ByteText
internal import Flags
internal import JSON

/// The flags that `run` and `create` share.
enum ContainerFlags {
    static let all: [Flag] = [
        Flag(
            "add-host", nil, .list(check: ContainerFlags.hostRefusal), "Add a host-to-IP line to /etc/hosts (host:ip)"),
        Flag("annotation", nil, .list("map"), "Annotation for the OCI runtime (key=value)"),
        Flag("attach", "a", .list(check: ContainerFlags.streamRefusal), "Attach to STDIN, STDOUT or STDERR"),
        Flag("blkio-weight", nil, .int, "Block IO weight, 10 to 1000, 0 for none"),
        Flag("blkio-weight-device", nil, .list(), "Block IO weight of one device (path:weight)"),
        Flag("cap-add", nil, .list(), "Add a Linux capability"),
        Flag("cap-drop", nil, .list(), "Drop a Linux capability"),
        Flag("cgroup-parent", nil, .string, "Parent cgroup of the container"),
        Flag("cgroupns", nil, .string, "Cgroup namespace: host or private"),
        Flag("cidfile", nil, .string, "Write the container's ID to this file"),
        Flag("cpu-period", nil, .int, "CFS period in microseconds"),
        Flag("cpu-quota", nil, .int, "CFS quota in microseconds"),
        Flag("cpu-rt-period", nil, .int, "Real-time period in microseconds"),
        Flag("cpu-rt-runtime", nil, .int, "Real-time runtime in microseconds"),
        Flag("cpu-shares", "c", .int, "CPU shares (relative weight)"),
        Flag("cpus", nil, .value("decimal", check: ContainerFlags.cpusRefusal), "Number of CPUs, such as 1.5"),
        Flag("cpuset-cpus", nil, .string, "CPUs to run on (0-3, 0,1)"),
        Flag("cpuset-mems", nil, .string, "Memory nodes to use (0-3, 0,1)"),
        Flag("device", nil, .list(), "Add a host device"),
        Flag("device-cgroup-rule", nil, .list(), "Add a rule to the list of allowed devices"),
        Flag("device-read-bps", nil, .list(), "Limit read rate from a device (path:bytes)"),
        Flag("device-read-iops", nil, .list(), "Limit reads per second from a device (path:number)"),
        Flag("device-write-bps", nil, .list(), "Limit write rate to a device (path:bytes)"),
        Flag("device-write-iops", nil, .list(), "Limit writes per second to a device (path:number)"),
        Flag("disable-content-trust", nil, .bool(true), "", isHidden: true),
        Flag("dns", nil, .list(), "DNS servers"),
        Flag("dns-opt", nil, .list(), "", isHidden: true, canonical: "dns-option"),
        Flag("dns-option", nil, .list(), "DNS options"),
        Flag("dns-search", nil, .list(), "DNS search domains"),
        Flag("domainname", nil, .string, "NIS domain name"),
        Flag("entrypoint", nil, .string, "Use this instead of the image's ENTRYPOINT"),
        Flag("env", "e", .list(check: Pairs.refusal), "Set environment variables"),
        Flag("env-file", nil, .list(), "Read environment variables from a file"),
        Flag("expose", nil, .list(), "Expose a port or a range of ports"),
        Flag("gpus", nil, .string, "GPU devices to add ('all' for all of them)"),
        Flag("group-add", nil, .list(), "Additional groups of the user"),
        Flag("health-cmd", nil, .string, "Command that checks health"),
        Flag("health-interval", nil, .value("duration", check: Quantities.durationRefusal), "Time between checks"),
        Flag("health-retries", nil, .int, "Failures in a row that mean unhealthy"),
        Flag(
            "health-start-interval", nil, .value("duration", check: Quantities.durationRefusal),
            "Time between checks during the start period"),
        Flag(
            "health-start-period", nil, .value("duration", check: Quantities.durationRefusal),
            "Time in which failures do not count"),
        Flag("health-timeout", nil, .value("duration", check: Quantities.durationRefusal), "Time one check may take"),
        Flag("hostname", "h", .string, "Host name of the container"),
        Flag("init", nil, .bool(), "Run an init that forwards signals and reaps processes"),
        Flag("interactive", "i", .bool(), "Keep STDIN open even if not attached"),
        Flag("ip", nil, .string, "IPv4 address"),
        Flag("ip6", nil, .string, "IPv6 address"),
        Flag("ipc", nil, .string, "IPC namespace"),
        Flag("isolation", nil, .string, "Isolation technology", isHidden: true),
        Flag("kernel-memory", nil, .value("bytes", check: Quantities.bytesRefusal), "", isHidden: true),
        Flag("label", "l", .list(), "Set labels"),
        Flag("label-file", nil, .list(), "Read labels from a file"),
        Flag("link", nil, .list(), "Add a link to another container"),
        Flag("link-local-ip", nil, .list(), "Link-local addresses"),
        Flag("log-driver", nil, .string, "Log driver of the container"),
        Flag("log-opt", nil, .list(), "Options of the log driver"),
        Flag("mac-address", nil, .string, "MAC address"),
        Flag("memory", "m", .value("bytes", check: Quantities.bytesRefusal), "Memory limit"),
        Flag("memory-reservation", nil, .value("bytes", check: Quantities.bytesRefusal), "Memory soft limit"),
        Flag(
            "memory-swap", nil, .value("bytes", check: ContainerFlags.swapRefusal),
            "Limit of memory and swap together; -1 for no limit on swap"),
        Flag("memory-swappiness", nil, .int, "Swappiness, 0 to 100"),
        Flag("mount", nil, .list("mount", check: MountFlag.refusal), "Attach a file system mount"),
        Flag("name", nil, .string, "Name of the container"),
        Flag("net", nil, .list("network"), "", isHidden: true, canonical: "network"),
        Flag("net-alias", nil, .list(), "", isHidden: true, canonical: "network-alias"),
        Flag("network", nil, .list("network"), "Network to join: bridge, host, none, container:NAME or a network"),
        Flag("network-alias", nil, .list(), "Further names on the network"),
        Flag("no-healthcheck", nil, .bool(), "Do not run the image's HEALTHCHECK"),
        Flag("oom-kill-disable", nil, .bool(), "Do not kill at the memory limit"),
        Flag("oom-score-adj", nil, .int, "Preference for the host's out-of-memory killer, -1000 to 1000"),
        Flag("pid", nil, .string, "PID namespace"),
        Flag("pids-limit", nil, .int, "Limit of processes; -1 for none"),
        Flag("platform", nil, .string, "Platform, when the image has several"),
        Flag("privileged", nil, .bool(), "Give extended privileges"),
        Flag("publish", "p", .list(), "Publish a container's port on the host"),
        Flag("publish-all", "P", .bool(), "Publish all exposed ports on random ports"),
        Flag(
            "pull", nil, .value("string", check: ContainerFlags.pullRefusal),
            "Pull the image before running: always, missing or never (default \"missing\")"),
        Flag("quiet", "q", .bool(), "Do not show the progress of a pull"),
        Flag("read-only", nil, .bool(), "Mount the root file system read-only"),
        Flag("restart", nil, .string, "When to start again after an exit (default \"no\")"),
        Flag("rm", nil, .bool(), "Remove the container when it has ended"),
        Flag("runtime", nil, .string, "OCI runtime to use"),
        Flag("security-opt", nil, .list(), "Security options"),
        Flag("shm-size", nil, .value("bytes", check: Quantities.bytesRefusal), "Size of /dev/shm"),
        Flag("stop-signal", nil, .string, "Signal that stops the container"),
        Flag("stop-timeout", nil, .int, "Seconds until a stop becomes a kill"),
        Flag("storage-opt", nil, .list(), "Options of the storage driver"),
        Flag("sysctl", nil, .list("map"), "Kernel parameters of the container"),
        Flag("tmpfs", nil, .list(), "Mount a tmpfs directory"),
        Flag("tty", "t", .bool(), "Give it a terminal"),
        Flag("ulimit", nil, .list("ulimit", check: ContainerFlags.ulimitRefusal), "Resource limits"),
        Flag("user", "u", .string, "User name or number (name|uid[:group|gid])"),
        Flag("userns", nil, .string, "User namespace"),
        Flag("uts", nil, .string, "UTS namespace"),
        Flag("volume", "v", .list(), "Bind a directory or mount a volume"),
        Flag("volume-driver", nil, .string, "Driver of volumes made for this container"),
        Flag("volumes-from", nil, .list(), "Mount the volumes of another container"),
        Flag("workdir", "w", .string, "Working directory in the container"),
    ]

    static let runOnly: [Flag] = [
        Flag("detach", "d", .bool(), "Run in the background and print the container's ID"),
        Flag("detach-keys", nil, .string, "Keys that leave the container running"),
        Flag("sig-proxy", nil, .bool(true), "Pass signals on to the process"),
    ]

    private static func streamRefusal(_ text: String) -> String? {
        ["stdin", "stdout", "stderr"].contains(text.lowercased())
            ? nil : "valid streams are STDIN, STDOUT and STDERR"
    }

    private static func cpusRefusal(_ text: String) -> String? {
        Quantities.nanoCPUs(text) == nil ? "failed to parse \(text) as a rational number" : nil
    }

    private static func swapRefusal(_ text: String) -> String? {
        text == "-1" ? nil : Quantities.bytesRefusal(text)
    }

    private static func pullRefusal(_ text: String) -> String? {
        ["", "always", "missing", "never"].contains(text)
            ? nil : "invalid pull option: '\(text)': must be one of \"always\", \"missing\" or \"never\""
    }

    private static func ulimitRefusal(_ text: String) -> String? {
        Limits.ulimit(text) == nil ? "invalid ulimit argument: \(text)" : nil
    }

    private static func hostRefusal(_ text: String) -> String? {
        let separator = text.contains(byte: "=") ? "=" : ":"
        guard let range = text.firstIndex(where: { String($0) == separator }), range != text.startIndex else {
            return "bad format for add-host: \(quoted(text))"
        }
        let address = String(text[text.utf8.index(after: range)...])
        if address == "host-gateway" { return nil }
        let bare = address.hasBytePrefix("[") ? String(address.dropFirst(bytes: 1).dropLast()) : address
        return PublishedPorts.isAddress(bare) ? nil : "invalid IP address in add-host: \(quoted(address))"
    }
}
