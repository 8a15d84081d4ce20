internal import JSON
internal import Layers
internal import OCI
internal import Store

extension ImageArchive {
    /// An image that the archive describes.
    struct Image {
        let configuration: [UInt8]
        let parsed: ImageConfiguration
        /// The manifest it came with, if it did.
        let manifest: [UInt8]?
        let layers: [Layer]
        let names: [Reference]
    }

    /// The images in the archive: by Docker's `manifest.json`, else by the layout's `index.json`, else by the `repositories`
    /// of Docker before 1.10.
    func images(for platform: Platform?) throws(ImageError) -> [Image] {
        do {
            if let bytes = document("manifest.json") { return try listed(JSON.parse(bytes)) }
            if let bytes = document("index.json") { return try indexed(bytes, platform) }
            if let bytes = document("repositories") { return try legacy(JSON.parse(bytes)) }
        } catch let error as ImageError {
            throw error
        } catch {
            throw .corrupt("invalid image archive: \(error)")
        }
        throw .corrupt(
            "the archive holds no image: manifest.json and index.json are missing; "
                + "a root file system becomes an image by import")
    }

    // MARK: manifest.json

    private func listed(_ json: JSON) throws -> [Image] {
        guard let items = json.arrayValue else { throw ImageError.corrupt("manifest.json is not a list") }
        return try items.map { item in
            guard let path = item["Config"]?.stringValue, let raw = document(path) else {
                throw ImageError.corrupt("manifest.json names a configuration that is not in the archive")
            }
            let parsed = try ImageConfiguration(parsing: raw)
            let paths = item["Layers"]?.arrayValue?.compactMap(\.stringValue) ?? []
            let layers = try paths.map { path in
                guard let layer = layer(path) else {
                    throw ImageError.corrupt("manifest.json names layer \(path), which is not in the archive")
                }
                return layer
            }
            let names = try (item["RepoTags"]?.arrayValue ?? []).compactMap(\.stringValue).map { text in
                let name = try Reference(text)
                guard name.tag != nil, name.digest == nil else {
                    throw ImageError.invalidReference("invalid tag \"\(text)\"")
                }
                return name
            }
            return try image(raw, parsed, manifest(of: ContentHash.digest(of: raw), layers), layers, names)
        }
    }

    /// The manifest in the archive's layout for the same configuration and layers.
    private func manifest(of configuration: Digest, _ layers: [Layer]) -> [UInt8]? {
        guard let index = document("index.json").flatMap({ try? JSON.parse($0) }) else { return nil }
        for entry in index["manifests"]?.arrayValue ?? [] {
            guard let digest = entry["digest"]?.stringValue.flatMap({ try? Digest($0) }),
                let bytes = document(digest), case .manifest(let manifest)? = try? ImageDocument(parsing: bytes),
                manifest.configuration.digest == configuration,
                manifest.layers.map(\.digest) == layers.map(\.packed.digest)
            else { continue }
            return bytes
        }
        return nil
    }

    // MARK: index.json

    private func indexed(_ bytes: [UInt8], _ platform: Platform?) throws -> [Image] {
        guard case .index(let index) = try ImageDocument(parsing: bytes) else {
            throw ImageError.corrupt("index.json is not an index")
        }
        var order: [Digest] = []
        var names: [Digest: [Reference]] = [:]
        for entry in index.manifests {
            if names[entry.digest] == nil { order.append(entry.digest) }
            names[entry.digest, default: []] += Self.name(entry).map { [$0] } ?? []
        }
        return try order.map { digest in
            guard let manifest = try manifest(digest, platform ?? .host, depth: 0) else {
                throw ImageError.notFound("no matching manifest for \(platform ?? .host) in the archive")
            }
            guard let raw = document(manifest.configuration.digest) else {
                throw ImageError.corrupt("configuration \(manifest.configuration.digest) is not in the archive")
            }
            let layers = try manifest.layers.map { packed in
                guard let layer = layersByBlob[packed.digest] else {
                    throw ImageError.corrupt("layer \(packed.digest) is not in the archive")
                }
                return layer
            }
            return try image(
                raw, ImageConfiguration(parsing: raw), manifest.raw, layers, names[digest] ?? [])
        }
    }

    private func manifest(_ digest: Digest, _ platform: Platform, depth: Int) throws -> Manifest? {
        guard depth < 8, let bytes = document(digest) else {
            throw ImageError.corrupt("manifest \(digest) is not in the archive")
        }
        switch try ImageDocument(parsing: bytes) {
        case .manifest(let manifest): return manifest
        case .index(let index):
            guard let entry = index.best(for: platform) else { return nil }
            return try manifest(entry.digest, platform, depth: depth + 1)
        }
    }

    /// containerd's full name; else the layout's, when that is more than a bare tag.
    private static func name(_ entry: ContentDescriptor) -> Reference? {
        if let text = entry.annotations["io.containerd.image.name"], let name = try? Reference(text) {
            return name.digest == nil ? name : nil
        }
        guard let text = entry.annotations["org.opencontainers.image.ref.name"],
            text.contains(":") || text.contains("/"), let name = try? Reference(text), name.digest == nil
        else { return nil }
        return name
    }

    private func image(
        _ raw: [UInt8], _ parsed: ImageConfiguration, _ manifest: [UInt8]?, _ layers: [Layer], _ names: [Reference]
    ) throws -> Image {
        guard layers.count == parsed.diffIDs.count else {
            throw ImageError.corrupt(
                "\(layers.count) layers in the archive, \(parsed.diffIDs.count) in the configuration")
        }
        for (layer, expected) in zip(layers, parsed.diffIDs) where layer.layer != expected {
            throw ImageError.corrupt("invalid diffID for layer: expected \(expected), got \(layer.layer)")
        }
        return Image(configuration: raw, parsed: parsed, manifest: manifest, layers: layers, names: names)
    }

    // MARK: repositories

    /// A chain of directories, each a layer with its parent's name.
    private func legacy(_ json: JSON) throws -> [Image] {
        var images: [Image] = []
        for (repository, tags) in json.objectValue ?? JSONObject() {
            for (tag, id) in tags.objectValue ?? JSONObject() {
                guard let top = id.stringValue else { continue }
                images.append(try chain(top, try Reference("\(repository):\(tag)")))
            }
        }
        return images
    }

    private func chain(_ top: String, _ name: Reference) throws -> Image {
        var layers: [Layer] = []
        var history: [JSON] = []
        var next: String? = top
        var head: JSON = .null
        while let id = next {
            guard layers.count < 1000, let bytes = document("\(id)/json"), let layer = layer("\(id)/layer.tar") else {
                throw ImageError.corrupt("layer \(id) of \(name.familiar) is not in the archive")
            }
            let json = try JSON.parse(bytes)
            if layers.isEmpty { head = json }
            layers.insert(layer, at: 0)
            let words = json["container_config"]?["Cmd"]?.arrayValue?.compactMap(\.stringValue) ?? []
            var line = JSONObject()
            line["created"] = json["created"]
            if !words.isEmpty { line["created_by"] = .string(words.joined(separator: " ")) }
            history.insert(.object(line), at: 0)
            next = json["parent"]?.stringValue
        }
        var members: [String: JSON] = [
            "history": .array(history),
            "rootfs": ["type": "layers", "diff_ids": .array(layers.map { .string($0.layer.description) })],
        ]
        for key in ["architecture", "author", "comment", "config", "created", "docker_version", "os"] {
            members[key] = head[key]
        }
        let raw = JSON.object(JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })).serialized()
        return try image(raw, ImageConfiguration(parsing: raw), nil, layers, [name])
    }
}
