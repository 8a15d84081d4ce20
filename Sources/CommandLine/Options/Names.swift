internal import ByteText
internal import JSON

/// Image names as they are typed. The daemon has the last word on what is valid.
package enum Names {
    /// `busybox` is `busybox:latest`; a tag or digest given stays.
    package static func withDefaultTag(_ name: String) -> String {
        if name.contains(byte: "@") { return name }
        return tag(of: name) == nil ? name + ":latest" : name
    }

    /// What stands behind the last colon, when that is no registry's port.
    static func tag(of name: String) -> String? {
        guard let colon = name.lastIndex(ofByte: ":") else { return nil }
        let tag = name[name.utf8.index(after: colon)...]
        return tag.contains(byte: "/") ? nil : String(tag)
    }

    /// Name and tag or digest apart, `latest` when there is none.
    package static func split(_ name: String) -> (name: String, tag: String) {
        if let at = name.firstIndex(ofByte: "@") {
            return (String(name[..<at]), String(name[name.utf8.index(after: at)...]))
        }
        guard let tag = tag(of: name) else { return (name, "latest") }
        return (String(name.dropLast(bytes: tag.utf8.count + 1)), tag)
    }

    /// A colon or `@` with nothing behind it is no tag and no digest: not the same as none.
    static func refuseEmptyTag(_ name: String) throws(CommandError) {
        if name.isEmpty || name.hasByteSuffix(":") || name.hasByteSuffix("@") {
            throw CommandError("invalid reference format")
        }
    }

    /// The full name that progress messages carry: `docker.io/library/busybox:latest`.
    package static func canonical(_ name: String) -> String {
        let tagged = withDefaultTag(name)
        let parts = tagged.split(byte: "/", maxSplits: 1)
        guard parts.count == 2 else { return "docker.io/library/" + tagged }
        let first = parts[0]
        if first.contains(byte: ".") || first.contains(byte: ":") || first == "localhost" { return tagged }
        return "docker.io/" + tagged
    }
}

extension Names {
    /// Twelve digits of an ID, without the name of the digest.
    static func shortID(_ id: String) -> String {
        String((id.hasBytePrefix("sha256:") ? id.dropFirst(bytes: 7) : id[...]).prefix(12))
    }

    /// A name as steps of a path: its slashes stay.
    static func path(_ name: String) -> String { percentEncoded(name).replacing("%2F", with: "/") }
}
