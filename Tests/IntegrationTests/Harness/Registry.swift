import Foundation
import Synchronization

/// Debian's docker-registry on a port of 127.0.0.1, filled by skopeo. One for the whole run, started when first asked for.
final class Registry: Sendable {
    let port: Int
    let directory: String
    private let pid: pid_t

    private static let shared = Mutex<Registry?>(nil)

    static func get() throws -> Registry {
        try shared.withLock { registry in
            if let registry { return registry }
            let new = try Registry()
            registry = new
            return new
        }
    }

    static func stop() {
        shared.withLock { registry in
            guard let old = registry else { return }
            kill(old.pid, SIGTERM)
            waitpid(old.pid, nil, 0)
            try? FileManager.default.removeItem(atPath: old.directory)
            registry = nil
        }
    }

    private init() throws {
        port = try freePort()
        directory = try succeed(["mktemp", "-d", "/tmp/gantry-registry-XXXXXX"])
        try """
        version: 0.1
        log: {level: error, accesslog: {disabled: true}}
        storage: {filesystem: {rootdirectory: \(directory)/store}, delete: {enabled: true}}
        http: {addr: "127.0.0.1:\(port)"}
        """.write(toFile: directory + "/config.yml", atomically: false, encoding: .utf8)
        let child = try succeed([
            "sh", "-c", "docker-registry serve \(directory)/config.yml >\(directory)/log 2>&1 & echo $!",
        ])
        pid = pid_t(child) ?? 0
        let url = "http://127.0.0.1:\(port)/v2/"
        try eventually("docker-registry answers on port \(port)") { try command(["curl", "-sf", url]).status == 0 }
        try push("busybox", to: "test/busybox:v2s2", ["--format", "v2s2"])
        try push("busybox", to: "test/busybox:oci", ["--format", "oci"])
        try push("busybox", to: "test/busybox:latest", [])
        try push("zstd", to: "test/zstd:latest", ["--format", "oci", "--dest-compress-format", "zstd"])
        try push("platforms", to: "test/platforms:latest", ["--all"])
        try push("foreign", to: "test/foreign:latest", ["--all"])
        for name in ["layers", "configured", "wrong-diff-id", "escaping"] {
            try push(name, to: "test/\(name):latest", [])
        }
    }

    func name(_ image: String) -> String { "127.0.0.1:\(port)/test/\(image)" }

    func push(_ layout: String, to name: String, _ options: [String]) throws {
        let path = "\(directory)/\(layout)"
        if !Programs.exists(path) {
            try succeed(["python3", Programs.fixtures + "/images.py", "layout", layout, path])
        }
        try succeed(
            ["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false"] + options
                + ["oci:\(path):latest", "docker://127.0.0.1:\(port)/\(name)"])
    }

    /// The manifest as the registry serves it.
    func manifest(_ image: String) throws -> String {
        try succeed(["skopeo", "inspect", "--raw", "--tls-verify=false", "docker://" + name(image)])
    }

    /// The file in which the registry keeps a blob: writing to it makes the registry serve something else.
    func blob(_ digest: String) -> String {
        let hex = digest.dropFirst("sha256:".count)
        return "\(directory)/store/docker/registry/v2/blobs/sha256/\(hex.prefix(2))/\(hex)/data"
    }

    /// A copy of `layout` under a name of its own with content of its own, to be damaged by one test.
    func pushOwn(_ name: String) throws {
        try push("zstd-\(name)", from: "zstd", to: "test/\(name):latest", ["--format", "oci"])
    }

    private func push(_ directoryName: String, from layout: String, to name: String, _ options: [String]) throws {
        try succeed(
            ["python3", Programs.fixtures + "/images.py", "layout", layout, "\(directory)/\(directoryName)"])
        try push(directoryName, to: name, options)
    }
}

/// The root file system of busybox as a tar archive, made once.
enum BusyboxImage {
    static let tar: String = {
        let path = "/tmp/gantry-busybox-\(getpid()).tar"
        _ = try? command(["python3", Programs.fixtures + "/images.py", "busybox.tar", path])
        return path
    }()

    static func remove() { unlink(tar) }
}
