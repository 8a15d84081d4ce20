import Foundation
import Glibc

/// Network and mount namespaces for another engine, which fills them with rules and mounts that go with them.
private final class Room {
    let directory: String
    private let holder: Child
    private let cgroup: String

    /// - Parameters:
    ///   - cgroup: where the engine puts those of its containers; its empty directories are removed at the end.
    ///   - isAlone: in a network namespace of its own.
    init(_ name: String, cgroup: String, isAlone: Bool = true, _ script: String) throws {
        directory = try succeed(["mktemp", "-d", "/tmp/gantry-\(name)-XXXXXX"])
        self.cgroup = cgroup
        let network = isAlone ? ["-n"] : []
        let start = (isAlone ? "ip link set lo up; " : "") + script
        holder = try Child(
            ["unshare", "-m"] + network + ["--propagation", "private", "sh", "-c", start],
            environment: ["ROOM": directory])
        try holder.expect("ready")
    }

    func enter(_ words: [String]) -> [String] {
        ["nsenter", "-t", "\(holder.pid)", "-m", "-n", "--"] + words
    }

    deinit {
        holder.signal(SIGTERM)
        _ = try? holder.wait()
        // What watched the last container ends a moment after it.
        try? eventually("the cgroups of the engine are empty") {
            let find = ["find", "/sys/fs/cgroup", "-depth", "-path", "*/\(cgroup)*", "-type", "d"]
            _ = try command(find + ["-exec", "rmdir", "{}", ";"])
            return try command(find).out.isEmpty
        }
        try? FileManager.default.removeItem(atPath: directory)
    }
}

/// Podman with this runtime, and with nothing of the machine's own containers and images.
final class PodmanOnRuntime {
    private let room: Room
    let runtime: String

    init() throws {
        runtime = Bundle.runtime
        room = try Room("podman", cgroup: "libpod_parent", "echo ready; exec sleep 600")
        // Without CAP_SYS_RESOURCE no runtime can raise limits to the million that Podman asks for by itself.
        try """
        [containers]
        default_ulimits = ["nofile=1000:1000", "nproc=2000:2000"]
        [engine]
        runtime_supports_json = ["gantry-runtime"]
        """.write(toFile: room.directory + "/containers.conf", atomically: false, encoding: .utf8)
        let result = try self(["import", BusyboxImage.tar, "busybox"])
        guard result.status == 0 else { throw HarnessError(result.description) }
    }

    deinit {
        _ = try? self(["pod", "rm", "--all", "--force", "--time", "0"])
        _ = try? self(["rm", "--all", "--force", "--time", "0"])
    }

    var environment: [String: String] { ["CONTAINERS_CONF": room.directory + "/containers.conf"] }

    func words(_ words: [String]) -> [String] {
        room.enter(
            [
                "podman", "--root", room.directory + "/root", "--runroot", room.directory + "/run", "--tmpdir",
                room.directory + "/tmp", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend",
                "file", "--runtime", runtime, "--network-config-dir", room.directory + "/net",
            ] + words)
    }

    @discardableResult
    func callAsFunction(_ words: [String]) throws -> Output { try command(self.words(words), environment: environment) }

    @discardableResult
    func callAsFunction(_ words: String...) throws -> Output { try self(words) }

    /// `podman run --network none busybox`, to its end.
    func run(_ flags: [String] = [], _ words: String...) throws -> Output {
        try self(["run", "--rm", "--network", "none"] + flags + ["busybox"] + words)
    }
}

/// Podman with its own runtime, to exchange archives with.
struct Podman: ~Copyable {
    private let scratch: Scratch

    init() throws { scratch = try Scratch("podman") }

    @discardableResult
    func ok(_ arguments: String...) throws -> String {
        try succeed(
            [
                "podman", "--root", scratch.path + "/root", "--runroot", scratch.path + "/run", "--storage-driver",
                "vfs",
                "--events-backend", "none",
            ] + arguments)
    }
}

/// Debian's Docker Engine with nothing of the machine's own containers and images.
final class DockerEngine {
    private let room: Room
    let environment: [String: String]

    /// - Parameters:
    ///   - runtime: in place of its own.
    ///   - isAlone: with a bridge in a network namespace of its own; otherwise without any network of its own, and it
    ///     reaches what the tests have started.
    ///   - settings: for its environment, such as proxies.
    init(runtime: String? = nil, isAlone: Bool = true, settings: [String: String] = [:]) throws {
        let flags =
            (runtime.map { "--add-runtime gantry=\($0) --default-runtime gantry " } ?? "")
            + (isAlone ? "" : "--bridge none --iptables=false --ip-forward=false --ip-masq=false ")
        let variables = settings.sorted { $0.key < $1.key }.map { "\($0.key)='\($0.value)' " }.joined()
        room = try Room(
            "docker", cgroup: "docker", isAlone: isAlone,
            """
            \(variables)dockerd \(flags)--data-root $ROOM/data --exec-root $ROOM/exec --host unix://$ROOM/socket \
                --pidfile $ROOM/pid >$ROOM/log 2>&1 &
            trap 'kill $!; wait $!; exit' TERM
            for i in $(seq 300); do [ -S $ROOM/socket ] && break; sleep 0.1; done
            echo ready; wait
            """)
        environment = [
            "DOCKER_HOST": "unix://" + room.directory + "/socket", "DOCKER_CONFIG": room.directory + "/client",
            "LC_ALL": "C.UTF-8",
        ]
        let answers = (try? eventually("dockerd answers") { try self("version").status == 0 }) != nil
        let result = try self("import", BusyboxImage.tar, "busybox")
        guard answers, result.status == 0 else {
            throw HarnessError("\(result)\n\((try? Programs.text(room.directory + "/log")) ?? "")")
        }
    }

    deinit {
        for id in (try? self("ps", "-aq"))?.lines ?? [] { _ = try? self("rm", "--force", id) }
    }

    var socket: String { room.directory + "/socket" }

    @discardableResult
    func callAsFunction(_ words: [String], input: [UInt8]? = nil) throws -> Output {
        try command([Programs.docker] + words, environment: environment, input: input)
    }

    @discardableResult
    func callAsFunction(_ words: String...) throws -> Output { try self(words) }

    /// A command that must succeed; its output without the last newline.
    @discardableResult
    func ok(_ words: String...) throws -> String {
        try succeed([Programs.docker] + words, environment: environment)
    }
}

/// Debian's containerd by itself, whose shim calls this runtime.
final class ContainerdOnRuntime {
    private let room: Room
    let namespace = "gantry-test-\(UInt32.random(in: 0 ... .max))"
    /// A root file system with busybox.
    let root: String

    init() throws {
        room = try Room(
            "containerd", cgroup: namespace,
            """
            cat >$ROOM/config.toml <<END
            version = 2
            root = "$ROOM/root"
            state = "$ROOM/state"
            disabled_plugins = ["io.containerd.grpc.v1.cri"]
            [grpc]
            address = "$ROOM/socket"
            [ttrpc]
            address = "$ROOM/ttrpc"
            END
            mkdir -p $ROOM/busybox && tar -xf \(BusyboxImage.tar) -C $ROOM/busybox
            containerd --config $ROOM/config.toml >$ROOM/log 2>&1 &
            trap 'kill $!; wait $!; exit' TERM
            for i in $(seq 300); do [ -S $ROOM/socket ] && break; sleep 0.1; done
            echo ready; wait
            """)
        root = room.directory + "/busybox"
        guard (try? eventually("containerd answers") { try self("version").status == 0 }) != nil else {
            throw HarnessError((try? Programs.text(room.directory + "/log")) ?? "containerd does not answer")
        }
    }

    deinit {
        for name in (try? self("containers", "ls", "-q"))?.lines ?? [] {
            _ = try? self("tasks", "kill", "-s", "KILL", name)
            _ = try? eventually("the task is deleted") { try self("tasks", "rm", name).status == 0 }
            _ = try? self("containers", "rm", name)
        }
    }

    func words(_ words: [String]) -> [String] {
        room.enter(["ctr", "--address", room.directory + "/socket", "--namespace", namespace] + words)
    }

    @discardableResult
    func callAsFunction(_ words: String...) throws -> Output { try command(self.words(words)) }

    func run(_ flags: [String], _ name: String, _ program: String...) throws -> Output {
        try command(words(running(flags, name, program)))
    }

    func running(_ flags: [String], _ name: String, _ program: [String]) -> [String] {
        ["run", "--rootfs", "--runc-binary", Bundle.runtime] + flags + [root, name] + program
    }
}
