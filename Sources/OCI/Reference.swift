internal import ByteText

/// The name of an image somewhere: registry, repository, tag and digest.
///
/// Docker's rules (distribution/reference): no registry means `docker.io`, one word there means `library/word`. A tag is
/// not added by itself; see ``withDefaultTag``.
package struct Reference: Hashable, Sendable, CustomStringConvertible {
    /// The registry with its port: `docker.io`, `localhost:5000`, `[::1]:5000`.
    package let domain: String
    /// The repository in it: `library/busybox`.
    package let path: String
    package let tag: String?
    package let digest: Digest?

    private init(domain: String, path: String, tag: String?, digest: Digest?) {
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest
    }

    /// What a user typed.
    package init(_ text: String) throws(OCIError) {
        let bytes = Array(text.utf8)
        if bytes.count == 64, Digest.isHex(bytes) {
            throw .invalidReference(
                "invalid repository name (\(text)), cannot specify 64-byte hexadecimal strings")
        }
        var (domain, remainder) = Self.split(text)
        if domain == "index.docker.io" { domain = Self.defaultDomain }
        if domain == Self.defaultDomain, !remainder.contains(byte: "/") { remainder = "library/" + remainder }

        // The digest is all behind the first @, the tag all behind the first colon left of it.
        var digest: Digest?
        var name = Substring(remainder)
        if let at = remainder.firstIndex(ofByte: "@") {
            let digestText = String(remainder[remainder.utf8.index(after: at)...])
            name = remainder[..<at]
            guard let parsed = try? Digest(digestText) else {
                throw .invalidReference(Self.reason(forDigest: digestText))
            }
            digest = parsed
        }
        var tag: String?
        if let colon = name.firstIndex(ofByte: ":") {
            tag = String(name[name.utf8.index(after: colon)...])
            name = name[..<colon]
        }
        let path = String(name)
        if Self.hasUppercase(path) {
            throw .invalidReference("invalid reference format: repository name (\(path)) must be lowercase")
        }
        guard Self.isDomain(domain), Self.isPath(path), tag.map(Self.isTag) ?? true else {
            throw .invalidReference("invalid reference format")
        }
        if domain.utf8.count + 1 + path.utf8.count > 255 {
            throw .invalidReference("repository name must not be more than 255 characters")
        }
        self.init(domain: domain, path: path, tag: tag, digest: digest)
    }

    /// `docker.io/library/busybox`
    package var name: String { domain + "/" + path }

    /// The name as Docker prints it: `busybox`, `someone/thing`, `localhost:5000/thing`.
    package var familiarName: String {
        guard domain == Self.defaultDomain else { return name }
        let official = "library/"
        if path.hasBytePrefix(official), !path.dropFirst(bytes: official.utf8.count).contains(byte: "/") {
            return String(path.dropFirst(official.count))
        }
        return path
    }

    /// The whole reference as Docker prints it: `busybox:latest`.
    package var familiar: String { familiarName + suffix }

    /// In full: `docker.io/library/busybox:latest`.
    package var description: String { name + suffix }

    /// Without tag and digest.
    package var isNameOnly: Bool { tag == nil && digest == nil }

    /// With `latest` when neither tag nor digest was given.
    package var withDefaultTag: Reference { isNameOnly ? with(tag: "latest", digest: nil) : self }

    /// The same repository under a tag that is known to be valid, or nil.
    package func tagged(_ tag: String) -> Reference? { Self.isTag(tag) ? with(tag: tag, digest: nil) : nil }

    /// The same repository at a digest, without a tag.
    package func at(_ digest: Digest) -> Reference { with(tag: nil, digest: digest) }

    /// The same repository, without tag and digest.
    package var nameOnly: Reference { with(tag: nil, digest: nil) }

    private func with(tag: String?, digest: Digest?) -> Reference {
        Reference(domain: domain, path: path, tag: tag, digest: digest)
    }

    private var suffix: String {
        (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "")
    }
}
