internal import JSON
internal import Runtime

/// The documents that describe this runtime.
enum Documents {
    /// The version of the runtime specification.
    static let specification = "1.2.0"

    /// runtime-spec 1.2, features.md; anything not listed there is not supported.
    static let features: JSON = [
        "ociVersionMin": "1.0.0", "ociVersionMax": .string(specification),
        "hooks": .array(Hook.Kind.allCases.map { .string($0.rawValue) }),
        "mountOptions": .array(MountOptions.names.map { .string($0) }),
        "linux": [
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
            "capabilities": .array(Capability.names.map { .string("CAP_" + $0) }),
            "cgroup": ["v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true],
            "seccomp": [
                "enabled": true,
                "actions": [
                    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
                    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
                ],
                "operators": [
                    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
                    "SCMP_CMP_NE",
                ],
                "knownFlags": .array(SeccompProfile.flagNames.map { .string($0) }),
                "supportedFlags": .array(SeccompProfile.flagNames.map { .string($0) }),
            ],
            "apparmor": ["enabled": true], "selinux": ["enabled": true], "intelRdt": ["enabled": false],
        ],
        "annotations": [
            "org.opencontainers.runc.checkpoint.enabled": "true",
            "gantry.runtime.version": .string(RuntimeProgram.version),
        ],
    ]
}
