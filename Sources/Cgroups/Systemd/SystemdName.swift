internal import ByteText

/// A cgroup path in systemd's form: `slice:prefix:name` is the scope `prefix-name.scope` in that slice (runc, docs/systemd.md).
package struct SystemdName: Equatable, Sendable {
    /// `system.slice`, `user-1000.slice`; `-.slice` is the root.
    package let slice: String
    /// `docker-1234.scope`.
    package let unit: String
    /// Below each hierarchy's mount: `/system.slice/docker-1234.scope`.
    package let path: String

    package init(_ text: String, defaultSlice: String = "system.slice") throws(CgroupError) {
        let parts = text.split(byte: ":", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 3, !parts[2].isEmpty, !text.contains(byte: "/") else {
            throw CgroupError(
                "create", text, "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups")
        }
        slice = parts[0].isEmpty ? defaultSlice : parts[0] == "-" ? "-.slice" : parts[0]
        let prefix = parts[0].isEmpty && parts[1].isEmpty ? "gantry-runtime" : parts[1]
        unit = parts[2].hasByteSuffix(".slice") ? parts[2] : (prefix.isEmpty ? "" : prefix + "-") + parts[2] + ".scope"
        // systemd.unit(5). A glob pattern would match other units.
        let isPlain = (slice + unit).utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || ":-_.\\@".utf8.contains(byte)
        }
        guard isPlain, unit.utf8.count < 256 else {
            throw CgroupError("create", text, "systemd allows only letters, digits and : - _ . @ \\ in names of units")
        }
        path = try Self.expand(slice) + "/" + unit
    }

    /// Expands a slice to its path: `a-b.slice` is `/a.slice/a-b.slice`, `-.slice` the root.
    private static func expand(_ slice: String) throws(CgroupError) -> String {
        if slice == "-.slice" { return "" }
        guard slice.hasByteSuffix(".slice") else {
            throw CgroupError("create", slice, "invalid slice name: it has to end in .slice")
        }
        var path = ""
        var name = ""
        for part in slice.dropLast(".slice".count).split(byte: "-", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw CgroupError("create", slice, "invalid slice name") }
            name += (name.isEmpty ? "" : "-") + part
            path += "/" + name + ".slice"
        }
        return path
    }
}
