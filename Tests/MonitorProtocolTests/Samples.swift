import MonitorProtocol
import Runtime

/// One of each message, with nothing at its default. They are written down in `Fixtures/version-N.txt`.
enum Samples {
    static let requests: [(name: String, request: ControlRequest)] = [
        ("hello", .hello(Handshake(version: 1, release: "0.1.0"))),
        ("launch", .launch(hasRoot: true, hasLog: true)),
        ("launch-of-a-path", .launch(hasRoot: false, hasLog: true)),
        ("network", .network),
        ("hold", .hold),
        ("attach", .attach(input: false, output: true, error: true)),
        ("exec", .exec(id: "0123abcd")),
        ("signal", .signal(15, exec: "")),
        ("signal-to-exec", .signal(9, exec: "0123abcd")),
        ("resize", .resize(columns: 90, rows: 30, exec: "0123abcd")),
        ("closeInput", .closeInput(exec: "0123abcd")),
        ("log", .log),
    ]

    static let events: [(name: String, event: MonitorEvent)] = [
        ("hello", .hello(Handshake(version: 1, release: "0.1.0"))),
        ("started", .started(pid: 41, startTime: 165588)),
        ("failed", .failed(LaunchFailure(exitCode: 127, "exec: \"/nothere\": no such file or directory"))),
        (
            "exited",
            .exited(MonitorExit(code: 137, signal: 9, oomKilled: true, finishedAt: "2026-11-30T16:02:19.737610131Z"))
        ),
        ("execStarted", .execStarted(id: "0123abcd", pid: 44)),
        ("execFailed", .execFailed(id: "0123abcd", LaunchFailure(exitCode: 126, "no such luck"))),
        ("execExited", .execExited(id: "0123abcd", code: 3)),
        ("adopted", .adopted(MonitorState(pid: 41, startTime: 165588, monitorPid: 39))),
        ("adopted-before-launch", .adopted(nil)),
        ("warning", .warning("limit nofile cannot be raised")),
        ("refused", .refused(request: 77, reason: "message 77 is not known")),
    ]

    static var process: ProcessSpec {
        var spec = ProcessSpec()
        spec.args = ["sh", "-c", "", "exit 3"]
        spec.env = ["PATH=/bin", "EMPTY="]
        spec.cwd = "/work"
        spec.user = .ids(uid: 1000, gid: 1001, groups: [10, 50])
        spec.additionalGroups = ["wheel", "7"]
        spec.capabilities = CapabilitySets(bounding: 1, effective: 2, permitted: 4, inheritable: 8, ambient: 1 << 40)
        spec.rlimits = [ResourceLimit(resource: 7, soft: 10, hard: .max)]
        spec.noNewPrivileges = true
        spec.seccomp = [6, 0, 0, 0, 0, 0, 255, 127]
        spec.seccompFlags = 4
        spec.seccompNotifies = true
        spec.oomScoreAdj = -5
        spec.isLenient = true
        spec.clampsLimits = true
        var scheduling = Scheduling()
        scheduling.policy = 6
        scheduling.flags = 1
        scheduling.nice = -3
        scheduling.priority = 4
        scheduling.runtime = 5
        scheduling.deadline = 6
        scheduling.period = .max
        spec.scheduling = scheduling
        spec.ioPriority = IOPriority(kind: 2, level: 3)
        spec.personality = 8
        spec.initialAffinity = [1]
        spec.finalAffinity = [2, 1]
        spec.keyring = "_ses.1"
        spec.appArmorProfile = "profile"
        spec.seLinuxLabel = "label"
        spec.umask = 0o077
        spec.tty = true
        spec.columns = 90
        spec.rows = 30
        spec.openStdin = true
        spec.stdinOnce = true
        return spec
    }

    /// As a client's ordinary `exec` asks.
    static var ordinaryProcess: ProcessSpec {
        var spec = ProcessSpec()
        spec.args = ["true"]
        spec.user = .name("alice:staff")
        return spec
    }

    static var launch: LaunchSpec {
        var spec = LaunchSpec()
        spec.process = process
        spec.hostname = "host"
        spec.domainname = "domain"
        spec.namespaces = .host
        spec.namespaces.mount = .new
        spec.namespaces.network = .path("/proc/1/ns/net")
        spec.namespaces.time = .new
        spec.userMappings = [IdentityMapping(container: 0, host: 100000, count: 65536)]
        spec.groupMappings = [IdentityMapping(container: 0, host: 200000, count: .max)]
        spec.clockOffsets = [ClockOffset(clock: "boottime", seconds: -7, nanoseconds: 9)]
        var mount = MountSpec(
            .bind, source: "/srv", "/data", flags: [.readOnly, .noSuid], propagation: .rslave, data: ["size=1", ""])
        mount.cleared = [.noExec]
        mount.recursive = MountAttributes(on: [.noDev], off: [.noATime])
        mount.userMappings = spec.userMappings
        mount.groupMappings = spec.groupMappings
        var other = MountSpec(.other, source: "/dev/sda1", "/disk")
        other.type = "ext4"
        spec.mounts = [mount, other] + MountSpec.dockerDefaults()
        spec.rootfsPath = "/root"
        spec.readonlyRootfs = true
        spec.rootfsPropagation = .rshared
        spec.mountLabel = "system_u:object_r:container_file_t:s0"
        spec.maskedPaths = ["/proc/kcore", "/proc/keys"]
        spec.readonlyPaths = ["/proc/sys"]
        spec.devices = [DeviceSpec(.block, "/dev/x", major: 8, minor: 300, mode: 0o600, uid: 1, gid: 2)]
        spec.sysctls = [("net.ipv4.ip_forward", "1"), ("kernel.domainname", "")]
        spec.cgroups = [CgroupJoin(controller: "memory", path: "/sys/fs/cgroup/memory/x")]
        spec.takesNetworkFromDaemon = true
        return spec
    }
}

/// What a value holds, for values that cannot be compared.
func contents(_ value: Any) -> String {
    var text = ""
    dump(value, to: &text)
    return text
}
