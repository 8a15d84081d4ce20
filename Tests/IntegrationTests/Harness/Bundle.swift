import Foundation
import Glibc

/// An OCI bundle with busybox as its root, and a runtime with a state directory of its own.
///
/// `GANTRY_TEST_RUNTIME=runc` (or crun) runs the same expectations with another runtime, which shows that they are true of it.
final class Bundle {
    static let runtime =
        ProcessInfo.processInfo.environment["GANTRY_TEST_RUNTIME"] ?? Programs.binaries + "/gantry-runtime"
    static var isGantry: Bool { runtime.hasSuffix("/gantry-runtime") }

    typealias Document = [String: Any]

    let directory: String
    let id = "test-\(UInt32.random(in: 0 ... .max))"
    /// The bundle's `config.json`; written by ``write()``, which every command here calls.
    var config: Document

    var state: String { directory + "/state" }
    var root: String { directory + "/rootfs" }

    /// A bundle whose process is `/bin/sh -c script`, with the namespaces and mounts of `gantry-runtime spec`.
    init(_ script: String = "true", edit: (inout Document) -> Void = { _ in }) throws {
        directory = try succeed(["mktemp", "-d", "/tmp/gantry-bundle-XXXXXX"])
        chmod(directory, 0o755)
        for path in ["", "/bin", "/etc", "/tmp", "/home", "/proc", "/sys", "/dev"] {
            mkdir(directory + "/rootfs" + path, 0o755)
        }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: directory + "/rootfs/bin/busybox")
        for name in try succeed(["/bin/busybox", "--list"]).split(separator: "\n") where name != "busybox" {
            symlink("busybox", directory + "/rootfs/bin/\(name)")
        }
        try "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n".write(
            toFile: directory + "/rootfs/etc/passwd", atomically: false, encoding: .utf8)
        try succeed([Programs.binaries + "/gantry-runtime", "spec", "--bundle", directory])
        let text = try Data(contentsOf: URL(fileURLWithPath: directory + "/config.json"))
        config = try JSONSerialization.jsonObject(with: text) as? Document ?? [:]
        config["root"] = ["path": "rootfs", "readonly": false] as Document
        var process = config["process"] as? Document ?? [:]
        process["terminal"] = false
        process["args"] = ["/bin/sh", "-c", script]
        process["env"] = ["PATH=/bin"]
        config["process"] = process
        edit(&config)
    }

    deinit {
        _ = try? command([Self.runtime, "--root", state, "delete", "--force", id])
        _ = try? command(["umount", "-R", root])
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Changes a member of `config.process`, `config.linux` and so on.
    func edit(_ section: String, _ change: (inout Document) -> Void) {
        var value = config[section] as? Document ?? [:]
        change(&value)
        config[section] = value
    }

    func namespaces(_ change: ([Document]) -> [Document]) {
        edit("linux") { $0["namespaces"] = change($0["namespaces"] as? [Document] ?? []) }
    }

    func add(mount destination: String, type: String, source: String, _ options: [String] = []) {
        var mounts = config["mounts"] as? [Document] ?? []
        mounts.append(["destination": destination, "type": type, "source": source, "options": options])
        config["mounts"] = mounts
    }

    func write() throws {
        let data = try JSONSerialization.data(withJSONObject: config, options: [.sortedKeys, .withoutEscapingSlashes])
        try data.write(to: URL(fileURLWithPath: directory + "/config.json"))
    }

    /// A command of the runtime: `["state", bundle.id]`.
    @discardableResult
    func runtime(_ words: [String], environment: [String: String] = [:], input: [UInt8]? = nil) throws -> Output {
        try write()
        return try command([Self.runtime, "--root", state] + words, environment: environment, input: input)
    }

    /// `run` in the foreground, to its end.
    func run(_ flags: [String] = []) throws -> Output {
        try runtime(["run", "--bundle", directory] + flags + [id])
    }

    /// A detached container that runs until it is deleted.
    func start(_ flags: [String] = []) throws {
        let log = directory + "/detached.log"
        try write()
        // Not through pipes: the container would hold them open for as long as it lives.
        let words = [Self.runtime, "--root", state, "run", "--detach", "--bundle", directory] + flags + [id]
        let result = try command(["sh", "-c", #"log=$1; shift; exec "$@" </dev/null >"$log" 2>&1"#, "sh", log] + words)
        guard result.status == 0 else {
            throw HarnessError("\(result)\n\((try? Programs.text(log)) ?? "")")
        }
    }

    func exec(_ flags: [String] = [], _ words: String...) throws -> Output {
        try runtime(["exec"] + flags + [id] + words)
    }
}
