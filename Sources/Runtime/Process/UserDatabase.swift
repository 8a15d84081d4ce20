internal import ByteText
internal import Glibc
internal import JSON
internal import Linux

/// Looks up users in the container's own /etc/passwd and /etc/group, which are untrusted: only regular files, no blocking, and a
/// size limit (CVE-2024-9676, CVE-2026-47262).
struct UserDatabase {
    /// Maximum size of a file.
    static let limit = 4 << 20
    /// NGROUPS_MAX of Linux (setgroups(2)).
    static let mostGroups = 65536

    struct User: Equatable {
        var uid: UInt32
        var gid: UInt32
        var groups: [UInt32]
        var home: String
    }

    /// Returns the content of `/etc/passwd` or `/etc/group`; empty when it does not exist.
    let read: (String) throws(LaunchFailure) -> [UInt8]

    /// Reads the files of the container at `root`.
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

    /// Parses a numeric ID; nil when the text is not a number.
    ///
    /// Out of range is an error: 2^32 would wrap to root (CVE-2024-40635).
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

    /// Resolves `user[:group]` and additional groups as Docker does, in one pass over each file.
    func user(_ text: String, additional: [String]) throws(LaunchFailure) -> User {
        let parts = text.split(byte: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let userPart = parts.first ?? ""
        let groupPart: Substring = parts.count > 1 ? parts[1] : ""
        var result = User(uid: 0, gid: 0, groups: [], home: "/")
        var name: ArraySlice<UInt8>?
        let number = try Self.identifier(userPart)
        let wanted = userPart.isEmpty ? 0 : number
        let wantedName = Array(userPart.utf8)[...]
        // A numeric name is never looked up as a name, which could make `--user 1000` another user.
        for record in AccountRecords(try read("/etc/passwd")) where record.count >= 4 {
            let uid = Self.number(record[2])
            let matches = wanted != nil ? uid == wanted : record[0] == wantedName
            if matches, let uid, let gid = Self.number(record[3]) {
                name = record[0]
                result.uid = uid
                result.gid = gid
                if record.count > 5, record[5].first == 0x2f {
                    result.home = String(decoding: record[5], as: UTF8.self)
                }
                break
            }
        }
        if name == nil {
            guard let wanted else {
                throw LaunchFailure("unable to find user \(userPart): no matching entries in passwd file")
            }
            result.uid = wanted
        }
        let words = (groupPart.isEmpty ? [] : [groupPart]) + additional.map { Substring($0) }
        let member = groupPart.isEmpty ? name : nil
        if words.isEmpty, member == nil {
            result.groups = [result.gid]
            return result
        }
        let groups = try groups(words, of: member)
        var asked = groups.numbers[...]
        if !groupPart.isEmpty, let main = asked.popFirst() { result.gid = main }
        // The main group belongs in the list too: otherwise a file that denies access to the group would allow it
        // (CVE-2022-36109).
        result.groups = [result.gid]
        var known: Set<UInt32> = [result.gid]
        for gid in groups.memberships + asked where known.insert(gid).inserted { result.groups.append(gid) }
        guard result.groups.count <= Self.mostGroups else {
            throw LaunchFailure(
                "user \(userPart) is in more than \(Self.mostGroups) groups, which is what Linux allows")
        }
        return result
    }

    /// The IDs of groups given by number or name, and of those that list `member`.
    private func groups(
        _ words: [Substring], of member: ArraySlice<UInt8>?
    ) throws(LaunchFailure) -> (numbers: [UInt32], memberships: [UInt32]) {
        var found: [ArraySlice<UInt8>: UInt32] = [:]
        var missing: Set<ArraySlice<UInt8>> = []
        for word in words where try Self.identifier(word) == nil { missing.insert(Array(word.utf8)[...]) }
        var memberships: [UInt32] = []
        for record in AccountRecords(try read("/etc/group")) where record.count >= 3 {
            guard let gid = Self.number(record[2]) else { continue }
            if missing.remove(record[0]) != nil { found[record[0]] = gid }
            if let member, record.count > 3, Self.lists(record[3], member) { memberships.append(gid) }
        }
        var numbers: [UInt32] = []
        for word in words {
            guard let gid = try Self.identifier(word) ?? found[Array(word.utf8)[...]] else {
                throw LaunchFailure("unable to find group \(word): no matching entries in group file")
            }
            numbers.append(gid)
        }
        return (numbers, memberships)
    }

    /// Whether a comma-separated list contains the name.
    private static func lists(_ names: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var start = names.startIndex
        while start < names.endIndex {
            let end = names[start...].firstIndex(of: 0x2c) ?? names.endIndex
            if names[start..<end] == name { return true }
            start = end + 1
        }
        return false
    }

    /// Parses an ID; nil when it is invalid.
    private static func number(_ text: ArraySlice<UInt8>) -> UInt32? {
        UInt32(digits: String(decoding: text, as: UTF8.self)).flatMap { $0 <= 0x7fff_ffff ? $0 : nil }
    }

    /// The home directory of a user ID, `/` when unknown.
    func home(of uid: UInt32) throws(LaunchFailure) -> String {
        for record in AccountRecords(try read("/etc/passwd")) where record.count > 5 && Self.number(record[2]) == uid {
            if record[5].first == 0x2f { return String(decoding: record[5], as: UTF8.self) }
        }
        return "/"
    }
}

/// The lines of passwd(5) or group(5), without comments and empty ones, in their first seven fields. White space around a line is
/// ignored, as in Docker: files may be indented or have CRLF line ends.
struct AccountRecords: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        var line = line
        while let first = line.first, isBlank(first) { line.removeFirst() }
        while let last = line.last, isBlank(last) { line.removeLast() }
        return line
    }

    mutating func next() -> [ArraySlice<UInt8>]? {
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0a) ?? rest.endIndex
            let line = Self.trimmed(rest[..<end])
            rest = rest[Swift.min(end + 1, rest.endIndex)...]
            if line.isEmpty || line.first == 0x23 { continue }
            return line.split(separator: 0x3a, maxSplits: 7, omittingEmptySubsequences: false)
        }
        return nil
    }
}
