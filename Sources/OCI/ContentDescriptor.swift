package import JSON

/// A pointer to content by digest (OCI image-spec, descriptor.md).
package struct ContentDescriptor: Hashable, Sendable {
    package let mediaType: String
    package let digest: Digest
    /// In bytes, not negative.
    package let size: Int64
    package let platform: Platform?
    package let annotations: [String: String]
    /// Where else the content can be had (layers that must not be distributed).
    package let urls: [String]

    package init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil, annotations: [String: String] = [:],
        urls: [String] = []
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.annotations = annotations
        self.urls = urls
    }

    init(_ json: JSON, in document: String) throws(OCIError) {
        guard let digest = json["digest"]?.stringValue else {
            throw .invalidDocument(document, reason: "descriptor without digest")
        }
        guard let member = json["size"] else {
            throw .invalidDocument(document, reason: "descriptor without size")
        }
        guard let size = member.intValue, size >= 0 else {
            throw .invalidDocument(document, reason: "descriptor with an impossible size")
        }
        var platform: Platform?
        if let object = json["platform"], let os = object["os"]?.stringValue,
            let architecture = object["architecture"]?.stringValue
        {
            platform = Platform(os: os, architecture: architecture, variant: object["variant"]?.stringValue ?? "")
        }
        self.init(
            mediaType: json["mediaType"]?.stringValue ?? "", digest: try Digest(digest), size: size,
            platform: platform, annotations: json.stringMap("annotations"), urls: json.strings("urls") ?? [])
    }

    /// As written into a manifest or index.
    package var json: JSON {
        var object = JSONObject()
        object["mediaType"] = .string(mediaType)
        object["digest"] = .string(digest.description)
        object["size"] = .number(String(size))
        if !urls.isEmpty { object["urls"] = .array(urls.map { .string($0) }) }
        if !annotations.isEmpty {
            object["annotations"] = .object(
                JSONObject(annotations.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        if let platform { object["platform"] = platform.json }
        return .object(object)
    }
}

extension JSON {
    /// The strings of an object member; anything else in it is left out.
    func stringMap(_ key: String) -> [String: String] {
        var map: [String: String] = [:]
        guard let object = self[key]?.objectValue else { return map }
        for (key, value) in object {
            if let text = value.stringValue { map[key] = text }
        }
        return map
    }

    /// The strings of an array member, nil when it is missing or null.
    /// As ``strings(_:)``; a text alone is a list of one, as Go's `strslice.StrSlice` has it.
    func words(_ key: String) -> [String]? {
        self[key]?.stringValue.map { [$0] } ?? strings(key)
    }

    func strings(_ key: String) -> [String]? {
        self[key]?.arrayValue.map { $0.compactMap(\.stringValue) }
    }
}
