import Foundation
import Glibc

/// A user without privileges, to whom the host gives subordinate IDs, in a view of /etc of its own.
final class OrdinaryUser {
    static let uid = 4711
    private let path: String

    init() throws {
        path = try succeed(["mktemp", "-d", "/tmp/gantry-user-XXXXXX"])
        chmod(path, 0o755)
        let passwd = try Programs.text("/etc/passwd") + "tester:x:\(Self.uid):\(Self.uid)::/tmp:/bin/sh\n"
        try passwd.write(toFile: path + "/passwd", atomically: false, encoding: .utf8)
        try "tester:200000:65536\n".write(toFile: path + "/sub", atomically: false, encoding: .utf8)
        mkdir(path + "/run", 0o700)
        chown(path + "/run", uid_t(Self.uid), gid_t(Self.uid))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Runs a command as this user.
    func run(_ words: [String], in directory: String) throws -> Output {
        let script = """
            for file in subuid subgid; do [ -e /etc/$file ] || : >/etc/$file; mount --bind "$1/sub" /etc/$file; done
            mount --bind "$1/passwd" /etc/passwd
            cd "$2" && export XDG_RUNTIME_DIR="$1/run" HOME=/tmp && shift 2
            exec setpriv --reuid=\(Self.uid) --regid=\(Self.uid) --clear-groups "$@"
            """
        return try command(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", path, directory]
                + words)
    }
}
