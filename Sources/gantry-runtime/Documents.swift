internal import Glibc
internal import JSON
internal import Runtime

/// What the runtime says of itself, and an example bundle.
enum Documents {
    /// The version of the runtime specification.
    static let specification = "1.2.0"

    static let features: JSON = [
        "ociVersionMin": "1.0.0", "ociVersionMax": "1.2.0",
        "hooks": ["prestart", "createRuntime", "poststart", "poststop"],
        "mountOptions": [
            "async", "atime", "bind", "defaults", "dev", "exec", "noatime", "nodev", "noexec", "nosuid", "private",
            "rbind", "relatime", "ro", "rprivate", "rro", "rshared", "rslave", "rw", "shared", "slave", "strictatime",
            "suid",
        ],
        "linux": [
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "uts"],
            "capabilities": .array(Capability.names.map { .string("CAP_" + $0) }),
            "cgroup": ["v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": false],
            "seccomp": [
                "enabled": true,
                "actions": [
                    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
                    "SCMP_ACT_KILL_THREAD",
                    "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
                ],
                "operators": [
                    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
                    "SCMP_CMP_NE",
                ],
            ],
            "apparmor": ["enabled": false], "selinux": ["enabled": false],
        ],
    ]

    static func spec(_ options: Options) throws(LaunchFailure) -> Int32 {
        let path = (options.value("bundle").map { $0 + "/" } ?? "") + "config.json"
        guard access(path, F_OK) != 0 else { throw LaunchFailure("file \(path) exists: remove it first") }
        try Files.write(example.serialized(indent: "\t") + [0x0a], path, mode: 0o644)
        return 0
    }

    private static var example: JSON {
        let capabilities: JSON = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        func mount(_ type: String, _ destination: String, _ options: [String]) -> JSON {
            [
                "destination": .string(destination), "type": .string(type), "source": .string(type),
                "options": .array(options.map { .string($0) }),
            ]
        }
        return [
            "ociVersion": "1.2.0",
            "process": [
                "terminal": true, "user": ["uid": 0, "gid": 0], "args": ["sh"],
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], "cwd": "/",
                "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
                "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
            ],
            "root": ["path": "rootfs", "readonly": true], "hostname": "gantry",
            "mounts": [
                mount("proc", "/proc", ["nosuid", "noexec", "nodev"]),
                mount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
                mount("devpts", "/dev/pts", ["nosuid", "noexec", "ptmxmode=0666", "mode=0620", "gid=5"]),
                mount("tmpfs", "/dev/shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
                mount("mqueue", "/dev/mqueue", ["nosuid", "noexec", "nodev"]),
                mount("sysfs", "/sys", ["nosuid", "noexec", "nodev", "ro"]),
                mount("cgroup", "/sys/fs/cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
            ],
            "linux": [
                "resources": ["devices": [["allow": false, "access": "rwm"]]],
                "namespaces": .array(
                    ["pid", "network", "ipc", "uts", "cgroup", "mount"].map { ["type": .string($0)] }),
                "maskedPaths": .array(LaunchSpec.dockerMaskedPaths.map { .string($0) }),
                "readonlyPaths": .array(LaunchSpec.dockerReadonlyPaths.map { .string($0) }),
            ],
        ]
    }
}
