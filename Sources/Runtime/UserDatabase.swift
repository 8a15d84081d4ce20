internal import Glibc
internal import Linux

/// Looks users up in the container's own /etc/passwd and /etc/group, which are hostile: regular files only,
/// never waited for, never more than a bound read (CVE-2024-9676, CVE-2026-47262).
struct UserDatabase {
    static let limit = 4 << 20

    struct User: Equatable {
        var uid: UInt32
        var gid: UInt32
        var groups: [UInt32]
        var home: String
    }

    /// Gives the bytes of `/etc/passwd` or `/etc/group`; empty when there is none.
    let read: (String) throws(LaunchFailure) -> [UInt8]

    /// The files of the container at `root`.
    init(root: ContainerRoot) {
        read = { path throws(LaunchFailure) in
            let found = root.find(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
            if found == -ENOENT || found == -ENOTDIR { return [] }
            let file = Descriptor(owning: try step("open \(path) of the container", found))
            var status = stat()
            try libraryStep("look at \(path) of the container", fstat(file.raw, &status))
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw LaunchFailure("\(path) of the container is not a regular file")
            }
            guard status.st_size <= Self.limit else {
                throw LaunchFailure("\(path) of the container is larger than \(Self.limit >> 20) MiB")
            }
            do throws(SystemError) {
                return try file.readAll(limit: Self.limit)
            } catch {
                throw LaunchFailure("read \(path) of the container: \(error.reason)")
            }
        }
    }

    init(read: @escaping (String) throws(LaunchFailure) -> [UInt8]) { self.read = read }

    /// A number that is all digits and an id; nil when it is not a number at all.
    ///
    /// Out of range is an error: 2^32 wraps to root elsewhere (CVE-2024-40635).
    static func identifier(_ text: Substring) throws(LaunchFailure) -> UInt32? {
        guard let first = text.utf8.first else { return nil }
        let digits = text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
        if !digits {
            if first == 0x2d, text.utf8.dropFirst().allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), text.utf8.count > 1 {
                throw LaunchFailure("uids and gids must be in range 0-2147483647")
            }
            return nil
        }
        guard let value = UInt32(text), value <= 0x7fff_ffff else {
            throw LaunchFailure("uids and gids must be in range 0-2147483647")
        }
        return value
    }

    private func records(_ path: String) throws(LaunchFailure) -> [[Substring]] {
        let text = String(decoding: try read(path), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            guard line.utf8.first != 0x23 else { return nil }
            return line.split(separator: ":", omittingEmptySubsequences: false)
        }
    }

    /// Resolves `user[:group]` and additional groups as Docker does.
    func user(_ text: String, additional: [String]) throws(LaunchFailure) -> User {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let userPart = parts.first ?? ""
        let groupPart: Substring = parts.count > 1 ? parts[1] : ""
        var result = User(uid: 0, gid: 0, groups: [], home: "/")
        var name: Substring?
        let number = try Self.identifier(userPart)
        let wanted = userPart.isEmpty ? 0 : number
        // A name of digits is never looked up as a name: it would make `--user 1000` somebody else.
        for record in try records("/etc/passwd") where record.count >= 4 {
            let uid = UInt32(record[2])
            let matches = wanted != nil ? uid == wanted : record[0] == userPart
            if matches, let uid, let gid = UInt32(record[3]), uid <= 0x7fff_ffff, gid <= 0x7fff_ffff {
                name = record[0]
                result.uid = uid
                result.gid = gid
                if record.count > 5, record[5].utf8.first == 0x2f { result.home = String(record[5]) }
                break
            }
        }
        if name == nil {
            guard let wanted else {
                throw LaunchFailure("unable to find user \(userPart): no matching entries in passwd file")
            }
            result.uid = wanted
        }
        let extra = additional.map { Substring($0) }
        let groups =
            !groupPart.isEmpty || name != nil || !extra.isEmpty ? try records("/etc/group") : []
        if !groupPart.isEmpty {
            result.gid = try group(groupPart, groups)
        } else if let name {
            for record in groups where record.count >= 4 {
                if record[3].split(separator: ",").contains(name), let gid = UInt32(record[2]), gid <= 0x7fff_ffff {
                    result.groups.append(gid)
                }
            }
        }
        for entry in extra { result.groups.append(try group(entry, groups)) }
        // The main group belongs in the list too: a file that denies the group must deny it (CVE-2022-36109).
        var unique: [UInt32] = [result.gid]
        for gid in result.groups where !unique.contains(gid) { unique.append(gid) }
        result.groups = unique
        return result
    }

    private func group(_ text: Substring, _ records: [[Substring]]) throws(LaunchFailure) -> UInt32 {
        if let number = try Self.identifier(text) { return number }
        for record in records where record.count >= 3 && record[0] == text {
            if let gid = UInt32(record[2]), gid <= 0x7fff_ffff { return gid }
        }
        throw LaunchFailure("unable to find group \(text): no matching entries in group file")
    }

    /// The home directory of a number, `/` when unknown.
    func home(of uid: UInt32) throws(LaunchFailure) -> String {
        for record in try records("/etc/passwd") where record.count > 5 && UInt32(record[2]) == uid {
            if record[5].utf8.first == 0x2f { return String(record[5]) }
        }
        return "/"
    }
}
