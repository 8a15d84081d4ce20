internal import ByteText
internal import JSON

/// A manifest as a registry has it; the daemon fetches it.
struct RemoteManifest {
    var reference: String
    let raw: [UInt8]
    let digest: String
    var descriptor: JSON

    init(_ reference: String, _ call: Invocation) throws {
        let answer = try Client.parse(
            call.client.call(
                "GET", "/distribution/\(Names.path(reference))/manifest",
                headers: call.session.registryHeaders(for: reference)))
        self.reference = reference
        raw = answer["content"]?.stringValue.flatMap { Base64.decode($0) } ?? []
        digest = answer["digest"]?.stringValue ?? ""
        descriptor = [
            "mediaType": answer["mediaType"] ?? "", "size": JSON(raw.count), "digest": .string(digest),
        ]
    }

    var entry: ManifestStore.Entry { ManifestStore.Entry(reference: reference, descriptor: descriptor, raw: raw) }

    var isList: Bool { (try? JSON.parse(raw))?["manifests"] != nil }

    /// From the image's configuration.
    mutating func findPlatform(_ call: Invocation) throws {
        let answer = try Client.parse(
            call.client.call(
                "GET", "/distribution/\(Names.path(reference))/json",
                headers: call.session.registryHeaders(for: reference)))
        if let platform = answer["Platforms"]?[0] { descriptor["platform"] = platform }
    }

    static func put(_ bytes: [UInt8], _ mediaType: String, as reference: String, _ call: Invocation) throws -> String {
        let answer = try Client.parse(
            call.client.call(
                "PUT", "/distribution/\(Names.path(reference))/manifest",
                body: ["mediaType": .string(mediaType), "content": .string(Base64.encode(bytes))],
                headers: call.session.registryHeaders(for: reference)))
        return answer["digest"]?.stringValue ?? ""
    }

    /// Brings an image into another repository of its registry: its blobs are mounted, its manifest is put.
    static func copy(_ entry: ManifestStore.Entry, to target: String, _ call: Invocation) throws {
        let source = Names.split(entry.reference).name
        let (here, there) = (RegistryName.key(forImage: target), RegistryName.key(forImage: source))
        guard here == there else {
            throw CommandError(
                "\(entry.reference) is in another registry than \(target); push the image there and create the list again"
            )
        }
        let manifest = try Client.parse(entry.raw)
        let path = source.split(byte: "/", maxSplits: 1).last.map(String.init) ?? source
        for blob in [manifest["config"]].compactMap({ $0 }) + (manifest["layers"]?.arrayValue ?? []) {
            let digest = blob["digest"]?.stringValue ?? ""
            let answer = try Client.parse(
                call.client.call(
                    "POST", "/distribution/\(Names.path(target))/mount", query: [("from", path), ("digest", digest)],
                    headers: call.session.registryHeaders(for: target)))
            guard answer["mounted"]?.boolValue == true else {
                throw CommandError(
                    "the registry does not take \(digest) from \(source) into \(target); push the image there first")
            }
        }
        _ = try put(
            entry.raw, entry.descriptor["mediaType"]?.stringValue ?? "",
            as: target + "@" + (entry.descriptor["digest"]?.stringValue ?? ""), call)
    }
}
