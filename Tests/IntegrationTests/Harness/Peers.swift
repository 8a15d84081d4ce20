import Foundation
import Glibc

/// Debian's Docker Engine in mount and network namespaces of its own, to exchange archives with; it starts no container.
final class DockerEngine {
    private let root: String
    private let child: Child

    init() throws {
        root = try succeed(["mktemp", "-d", "/tmp/gantry-peer-XXXXXX"])
        let words =
            "ip link set lo up; exec dockerd --data-root \(root)/data --exec-root \(root)/exec -H unix://\(root)/s "
            + "-p \(root)/pid --iptables=false --bridge=none >\(root)/log 2>&1"
        child = try Child(["unshare", "-m", "-n", "--propagation", "private", "sh", "-c", words])
        try eventually("docker engine answers; see \(root)/log") { try docker("version").status == 0 }
    }

    deinit {
        child.signal(SIGTERM)
        _ = try? child.wait()
        try? FileManager.default.removeItem(atPath: root)
    }

    @discardableResult
    func docker(_ arguments: String...) throws -> Output {
        try command([Programs.docker] + arguments, environment: ["DOCKER_HOST": "unix://\(root)/s"])
    }

    @discardableResult
    func ok(_ arguments: String...) throws -> String {
        try succeed([Programs.docker] + arguments, environment: ["DOCKER_HOST": "unix://\(root)/s"])
    }
}

/// Podman with a storage of its own.
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
