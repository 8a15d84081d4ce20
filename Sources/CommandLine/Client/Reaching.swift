internal import ByteText
internal import Glibc
internal import Linux

/// What to do when nobody answers: start a daemon where that is ours to do, else say what is the matter.
enum Reaching {
    static func recover(
        from error: SystemError, endpoint: DaemonEndpoint, mayStart: Bool
    ) throws(CommandError) -> Socket {
        let isAbsent = error.code == ENOENT || error.code == ECONNREFUSED
        if case .unix(let path) = endpoint {
            if error.code == EACCES { throw CommandError(Reaching.explainPermission(path), isUnreachable: true) }
            if mayStart, isAbsent { return try DaemonStart(endpoint: endpoint).run() }
        }
        var message = "Cannot connect to the Docker daemon at \(endpoint.text). Is the docker daemon running?"
        if !isAbsent { message += " (\(error.reason))" }
        throw CommandError(message, isUnreachable: true)
    }

    /// Which group owns the socket, whether the user is in it, and what to do.
    private static func explainPermission(_ path: String) -> String {
        let denied = "permission denied while trying to connect to the Gantry daemon socket at unix://\(path)"
        var status = stat()
        guard stat(path, &status) == 0 else {
            return denied + ": a directory above it is closed to you; run this as root"
        }
        let group = Accounts.group(status.st_gid)
        let user = Accounts.user(geteuid())
        let groupName = group?.name ?? String(status.st_gid)
        let userName = user ?? String(geteuid())
        if status.st_gid == 0 {
            return denied + ": it belongs to root alone; run this as root, "
                + "or let gantryd give it to a group with --group"
        }
        if group?.members.contains(userName) == true {
            return denied + ": it belongs to group \(groupName), and \(userName) is a member, "
                + "but this login is older than the membership; log in again, or run newgrp \(groupName)"
        }
        return denied + ": it belongs to group \(groupName), and \(userName) is not in it; "
            + "sudo usermod -aG \(groupName) \(userName), then log in again"
    }
}

/// Names out of /etc/passwd and /etc/group. A static executable has no name service switch.
enum Accounts {
    static func user(_ number: uid_t) -> String? {
        rows("/etc/passwd").first { $0.count > 2 && $0[2] == String(number) }?.first
    }

    static func group(_ number: gid_t) -> (name: String, members: [String])? {
        guard let row = rows("/etc/group").first(where: { $0.count > 3 && $0[2] == String(number) }) else { return nil }
        return (row[0], row[3].split(byte: ",").map(String.init))
    }

    private static func rows(_ path: String) -> [[String]] {
        guard let file = try? Descriptor.open(path, O_RDONLY), let bytes = try? file.readAll(limit: 4 << 20) else {
            return []
        }
        return String(decoding: bytes, as: UTF8.self).split(byte: "\n").map { line in
            line.split(byte: ":", omittingEmptySubsequences: false).map(String.init)
        }
    }
}
