internal import ByteText
internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// The devices of a container: the nodes in its /dev, and what its cgroup lets it do with them. Numbers are read anew at each
/// start: devices come and go.
struct DevicePlan {
    /// Nodes in one directory of devices. Whoever names a tree of more than that has not meant it.
    private static let most = 4096

    private(set) var nodes: [DeviceSpec] = []
    private(set) var rules: [DeviceRule]

    init(_ host: HostConfig) throws(EngineError) {
        rules = host.Privileged ? DeviceRule.everything : DeviceRule.dockerDefault
        for mapping in host.Devices {
            let access = try Self.access(mapping)
            let found = try Self.nodes(mapping)
            nodes += found
            if !host.Privileged { rules += found.map { DeviceRule($0, access) } }
        }
        // What is asked for is checked in either case.
        var own: [DeviceRule] = []
        for text in host.DeviceCgroupRules ?? [] { own += try Self.rules(text) }
        guard host.Privileged else {
            rules += own
            return
        }
        let taken = Set(nodes.map(\.path))
        nodes += Self.hostDevices().filter { !taken.contains($0.path) }
    }

    private static func access(_ mapping: DeviceMapping) throws(EngineError) -> DeviceRule.Access {
        // Nothing said is everything, as behind `--device`.
        guard let access = DeviceRule.Access(mapping.CgroupPermissions) else {
            throw .invalid(
                "bad mode specified: \(mapping.CgroupPermissions): the permissions of device \(mapping.PathOnHost) are "
                    + "letters out of r, w and m")
        }
        return access.isEmpty ? .all : access
    }

    /// The device, or those beneath a directory of them.
    private static func nodes(_ mapping: DeviceMapping) throws(EngineError) -> [DeviceSpec] {
        let inside = mapping.PathInContainer.isEmpty ? mapping.PathOnHost : mapping.PathInContainer
        func refuse(_ why: String) -> EngineError {
            .invalid(
                "error gathering device information while adding custom device \(quoted(mapping.PathOnHost)): \(why)")
        }
        guard inside.hasBytePrefix("/") else { throw refuse("\(inside) is not an absolute path in the container") }
        var status = stat()
        guard stat(mapping.PathOnHost, &status) == 0 else {
            throw refuse(String(cString: strerror(errno)).lowercased())
        }
        if let device = device(status, inside) { return [device] }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw refuse("not a device node") }
        let found = below(mapping.PathOnHost, inside)
        guard !found.isEmpty else { throw refuse("not a device node") }
        guard found.count <= most else { throw refuse("there are more than \(most) devices in it") }
        return found
    }

    /// Links in the directory are not followed, as Docker does not.
    private static func below(
        _ directory: String, _ inside: String, leavingOut isLeftOut: (String) -> Bool = { _ in false }
    ) -> [DeviceSpec] {
        var found: [DeviceSpec] = []
        var waiting = [""]
        var seen = 0
        while let place = waiting.popLast(), found.count <= most, seen <= 16 * most {
            for name in names(in: directory + place) where !isLeftOut(name) {
                seen += 1
                var status = stat()
                guard lstat(directory + place + "/" + name, &status) == 0 else { continue }
                if status.st_mode & S_IFMT == S_IFDIR { waiting.append(place + "/" + name) }
                if let device = device(status, inside + place + "/" + name) { found.append(device) }
            }
        }
        return found
    }

    private static func device(_ status: stat, _ name: String) -> DeviceSpec? {
        let type = status.st_mode & S_IFMT
        guard type == S_IFCHR || type == S_IFBLK else { return nil }
        let number = DeviceNumber(UInt64(status.st_rdev))
        return DeviceSpec(
            type == S_IFBLK ? .block : .character, name, major: number.major, minor: number.minor,
            mode: UInt32(status.st_mode & 0o7777), uid: status.st_uid, gid: status.st_gid)
    }

    /// The device nodes in /dev and its directories, for a privileged container: but for those that every container has, under
    /// which the host may have something else, and for what is not the host's devices but somebody's files.
    private static func hostDevices() -> [DeviceSpec] {
        let own: Set = [
            "null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "stdin", "stdout", "stderr", "core",
            "fd",
            "pts", "shm", "mqueue", ".lxc", ".lxd-mounts", ".udev",
        ]
        return Array(below("/dev", "/dev") { own.contains($0) }.prefix(most))
    }

    private static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory), names.count <= 16 * most {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// `c 13:* rwm` of `--device-cgroup-rule`.
    private static func rules(_ text: String) throws(EngineError) -> [DeviceRule] {
        let words = text.split(byte: " ", omittingEmptySubsequences: false)
        let numbers = words.count == 3 ? words[1].split(byte: ":", omittingEmptySubsequences: false) : []
        func isNumber(_ word: Substring) -> Bool {
            word == "*" || !word.isEmpty && word.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        guard words.count == 3, ["a", "b", "c"].contains(words[0]), numbers.count == 2,
            numbers.allSatisfy(isNumber), (1...3).contains(words[2].utf8.count),
            let access = DeviceRule.Access(String(words[2]))
        else { throw .invalid("invalid device cgroup rule format: '\(text)'") }
        func number(_ index: Int, _ name: String, _ most: UInt32) throws(EngineError) -> UInt32? {
            if numbers[index] == "*" { return nil }
            // Device numbers have 12 and 20 bits (linux/kdev_t.h).
            guard let number = UInt32(numbers[index]), number <= most else {
                throw .invalid("invalid \(name) value in device cgroup rule format: '\(text)'")
            }
            return number
        }
        let (major, minor) = (try number(0, "major", 0xfff), try number(1, "minor", 0xfffff))
        guard words[0] == "a" else {
            return [
                DeviceRule(
                    allow: true, words[0] == "b" ? .block : .character, major: major, minor: minor, access: access)
            ]
        }
        if major == nil, minor == nil, access == .all { return DeviceRule.everything }
        // Version 1 reads no further than the letter: `a 1:3 r` would allow everything.
        return [DeviceRule.Kind.block, .character].map {
            DeviceRule(allow: true, $0, major: major, minor: minor, access: access)
        }
    }
}

extension DeviceRule {
    fileprivate init(_ node: DeviceSpec, _ access: Access) {
        self.init(
            allow: true, node.kind == .block ? .block : .character, major: node.major, minor: node.minor, access: access
        )
    }
}
