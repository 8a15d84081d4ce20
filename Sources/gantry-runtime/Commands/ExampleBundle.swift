internal import Glibc
internal import JSON
internal import Runtime

/// `spec`: an example config.json.
enum ExampleBundle {
    static func write(_ options: Options) throws(LaunchFailure) -> Int32 {
        let path = (options.value("bundle").map { $0 + "/" } ?? "") + "config.json"
        guard access(path, F_OK) != 0 else { throw LaunchFailure("file \(path) exists: remove it first") }
        let document = document(isRootless: options.has("rootless"))
        try Files.write(document.serialized(indent: "\t") + [0x0a], path, mode: 0o644)
        return 0
    }

    private static func document(isRootless: Bool) -> JSON {
        let capabilities: JSON = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        return [
            "ociVersion": .string(Documents.specification),
            "process": [
                "terminal": true, "user": ["uid": 0, "gid": 0], "args": ["sh"],
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], "cwd": "/",
                "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
                "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
            ],
            "root": ["path": "rootfs", "readonly": true], "hostname": "gantry",
            "mounts": .array(mounts(isRootless: isRootless)),
            "linux": linux(isRootless: isRootless),
        ]
    }

    private static func mounts(isRootless: Bool) -> [JSON] {
        func mount(_ type: String, _ destination: String, _ options: [String], source: String? = nil) -> JSON {
            [
                "destination": .string(destination), "type": .string(type), "source": .string(source ?? type),
                "options": .array(options.map { .string($0) }),
            ]
        }
        let terminals = ["nosuid", "noexec", "ptmxmode=0666", "mode=0620"]
        return [
            mount("proc", "/proc", ["nosuid", "noexec", "nodev"]),
            mount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            // An unprivileged user cannot map the terminals' group.
            mount("devpts", "/dev/pts", isRootless ? terminals : terminals + ["gid=5"]),
            mount("tmpfs", "/dev/shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("mqueue", "/dev/mqueue", ["nosuid", "noexec", "nodev"]),
            // A new sysfs needs a network namespace of the same user namespace.
            isRootless
                ? mount("none", "/sys", ["rbind", "nosuid", "noexec", "nodev", "ro"], source: "/sys")
                : mount("sysfs", "/sys", ["nosuid", "noexec", "nodev", "ro"]),
            mount("cgroup", "/sys/fs/cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ]
    }

    private static func linux(isRootless: Bool) -> JSON {
        var names = ["pid", "network", "ipc", "uts", "cgroup", "mount"]
        var members = JSONObject()
        if isRootless {
            names.removeAll { $0 == "network" }
            names.append("user")
            members["uidMappings"] = [["containerID": 0, "hostID": JSON(geteuid()), "size": 1]]
            members["gidMappings"] = [["containerID": 0, "hostID": JSON(getegid()), "size": 1]]
        } else {
            members["resources"] = ["devices": [["allow": false, "access": "rwm"]]]
        }
        members["namespaces"] = .array(names.map { ["type": .string($0)] })
        members["maskedPaths"] = .array(LaunchSpec.dockerMaskedPaths.map { .string($0) })
        members["readonlyPaths"] = .array(LaunchSpec.dockerReadonlyPaths.map { .string($0) })
        return .object(members)
    }
}
