internal import ByteText
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
        var names: [Reference]
        /// Where it is known.
        var parent: ImageID?
        /// Without a name it is not worth mentioning.
        var isSilent = false
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
            // As Docker reads them: in whatever case, and two of one name would be read in two ways.
            func member(_ name: String) throws -> JSON? {
                do {
                    return try item.objectValue?.value(matching: name)
                } catch {
                    throw ImageError.corrupt("manifest.json: \(error)")
                }
            }
            guard let path = try member("Config")?.stringValue, let raw = document(path) else {
                throw ImageError.corrupt("manifest.json names a configuration that is not in the archive")
            }
            let parsed = try ImageConfiguration(parsing: raw)
            let paths = try member("Layers")?.arrayValue?.compactMap(\.stringValue) ?? []
            let layers = try paths.enumerated().map { index, path in
                let known = paths.count == parsed.diffIDs.count ? parsed.diffIDs[index] : nil
                guard let layer = layer(path) ?? known.flatMap(stored) else {
                    throw ImageError.corrupt(
                        "manifest.json names layer \"\(path)\", which is neither in the archive nor here already")
                }
                return layer
            }
            let names = try (try member("RepoTags")?.arrayValue ?? []).compactMap(\.stringValue).map { text in
                let name = try Reference(text)
                guard name.tag != nil, name.digest == nil else {
                    throw ImageError.invalidReference("invalid tag \"\(text)\"")
                }
                return name
            }
            return try image(raw, parsed, manifest(of: raw, layers), layers, names)
        }
    }

    /// The manifest in the archive's layout for the same configuration and layers.
    private func manifest(of configuration: [UInt8], _ layers: [Layer]) -> [UInt8]? {
        let digest = ContentHash.digest(of: configuration)
        guard let index = document("index.json").flatMap({ try? JSON.parse($0) }) else { return nil }
        for entry in index["manifests"]?.arrayValue ?? [] {
            guard let name = entry["digest"]?.stringValue.flatMap({ try? Digest($0) }),
                let bytes = document(name), case .manifest(let manifest)? = try? ImageDocument(parsing: bytes),
                manifest.configuration.digest == digest, manifest.configuration.size == configuration.count,
                manifest.layers.map(\.digest) == layers.map(\.packed.digest),
                manifest.layers.map(\.size) == layers.map(\.packed.size)
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
        var order: [ContentDescriptor] = []
        var names: [Digest: [Reference]] = [:]
        for entry in index.manifests {
            if names[entry.digest] == nil { order.append(entry) }
            names[entry.digest, default: []] += Self.name(entry).map { [$0] } ?? []
        }
        return try order.map { entry in
            guard let manifest = try manifest(entry, platform ?? .host, depth: 0) else {
                throw ImageError.notFound("no matching manifest for \(platform ?? .host) in the archive")
            }
            guard let raw = try document(manifest.configuration) else {
                throw ImageError.corrupt("configuration \(manifest.configuration.digest) is not in the archive")
            }
            let parsed = try ImageConfiguration(parsing: raw)
            // Stored packed in another way the layer is the same, and the manifest is another.
            var isSame = true
            let layers = try manifest.layers.enumerated().map { index, packed in
                let known = manifest.layers.count == parsed.diffIDs.count ? parsed.diffIDs[index] : nil
                guard let layer = layersByBlob[packed.digest] ?? known.flatMap(stored) else {
                    throw ImageError.corrupt("layer \(packed.digest) is neither in the archive nor here already")
                }
                if layer.packed.digest == packed.digest {
                    try Self.check(packed, layer.packed.size)
                } else {
                    isSame = false
                }
                return layer
            }
            return try image(raw, parsed, isSame ? manifest.raw : nil, layers, names[entry.digest] ?? [])
        }
    }

    private func manifest(_ descriptor: ContentDescriptor, _ platform: Platform, depth: Int) throws -> Manifest? {
        guard depth < 8, let bytes = try document(descriptor) else {
            throw ImageError.corrupt("manifest \(descriptor.digest) is not in the archive")
        }
        switch try ImageDocument(parsing: bytes) {
        case .manifest(let manifest): return manifest
        case .index(let index):
            guard let entry = index.best(for: platform) else { return nil }
            return try manifest(entry, platform, depth: depth + 1)
        }
    }

    /// As large as its descriptor says: whoever reads one of the two is to mean the other as well.
    private func document(_ descriptor: ContentDescriptor) throws -> [UInt8]? {
        let bytes = document(descriptor.digest)
        if let bytes { try Self.check(descriptor, Int64(bytes.count)) }
        return bytes
    }

    private static func check(_ descriptor: ContentDescriptor, _ size: Int64) throws {
        if size != descriptor.size {
            throw ImageError.corrupt("\(descriptor.digest) has \(size) bytes in the archive, not \(descriptor.size)")
        }
    }

    /// containerd's full name; else the layout's, when that is more than a bare tag.
    private static func name(_ entry: ContentDescriptor) -> Reference? {
        if let text = entry.annotations["io.containerd.image.name"], let name = try? Reference(text) {
            return name.digest == nil ? name : nil
        }
        guard let text = entry.annotations["org.opencontainers.image.ref.name"],
            text.contains(byte: ":") || text.contains(byte: "/"), let name = try? Reference(text), name.digest == nil
        else { return nil }
        return name
    }

    private func image(
        _ raw: [UInt8], _ parsed: ImageConfiguration, _ manifest: [UInt8]?, _ layers: [Layer], _ names: [Reference]
    ) throws -> Image {
        if layers.count > Manifest.layersLimit {
            throw ImageError.corrupt("\(layers.count) layers in the archive; \(Manifest.layersLimit) are the most")
        }
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

    /// A chain of directories, each a layer with its parent's name; every one of them is an image, parents first.
    private func legacy(_ json: JSON) throws -> [Image] {
        var chain = LegacyChain()
        for (repository, tags) in json.objectValue ?? JSONObject() {
            for (tag, id) in tags.objectValue ?? JSONObject() {
                guard let top = id.stringValue else { continue }
                let name = try Reference("\(repository):\(tag)")
                let place = try add(top, name, to: &chain)
                chain.images[place].names.append(name)
            }
        }
        return chain.images
    }

    /// The place of the image of directory `top`.
    private func add(_ top: String, _ name: Reference, to chain: inout LegacyChain) throws -> Int {
        var missing: [(id: String, json: JSON, layer: Layer)] = []
        var next: String? = top
        while let id = next, chain.places[id] == nil {
            guard missing.count < Manifest.layersLimit, let bytes = document("\(id)/json"),
                let layer = layer("\(id)/layer.tar")
            else { throw ImageError.corrupt("layer \(id) of \(name.familiar) is not in the archive") }
            let json = try JSON.parse(bytes)
            missing.append((id, json, layer))
            next = json["parent"]?.stringValue
        }
        var place = next.flatMap { chain.places[$0] }
        for (id, json, layer) in missing.reversed() {
            place = try chain.add(json, layer, above: place) { raw, layers in
                try image(raw, ImageConfiguration(parsing: raw), nil, layers, [])
            }
            chain.places[id] = place
        }
        guard let place else { throw ImageError.corrupt("repositories names no image for \(name.familiar)") }
        return place
    }
}

/// Images being made of the directories that Docker before 1.10 wrote.
private struct LegacyChain {
    var images: [ImageArchive.Image] = []
    /// By the names of the directories.
    var places: [String: Int] = [:]
    private var histories: [[JSON]] = []

    /// Docker's rules for such a configuration (image/v1), so that the image has the id it has there.
    mutating func add(
        _ old: JSON, _ layer: ImageArchive.Layer, above parent: Int?,
        make: ([UInt8], [ImageArchive.Layer]) throws -> ImageArchive.Image
    ) throws -> Int {
        let layers = (parent.map { images[$0].layers } ?? []) + [layer]
        if layers.count > Manifest.layersLimit {
            throw ImageError.corrupt("more than \(Manifest.layersLimit) layers")
        }
        var line = ImageConfiguration.History()
        line.created = old["created"]?.stringValue.flatMap { try? Timestamp($0) }
        line.author = old["author"]?.stringValue ?? ""
        line.comment = old["comment"]?.stringValue ?? ""
        let words = old["container_config"]?["Cmd"]?.arrayValue?.compactMap(\.stringValue) ?? []
        line.createdBy = words.joined(separator: " ")
        let history = (parent.map { histories[$0] } ?? []) + [line.legacyJSON]
        var members = old.objectValue ?? JSONObject()
        for name in ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"] { members[name] = nil }
        members["history"] = .array(history)
        members["rootfs"] = ["type": "layers", "diff_ids": .array(layers.map { .string($0.layer.description) })]
        let sorted = members.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let raw = JSON.object(JSONObject(sorted.compactMap { key in members[key].map { (key, $0) } })).serialized()
        var image = try make(raw, layers)
        image.parent = parent.map { ContentHash.digest(of: images[$0].configuration) }
        image.isSilent = true
        images.append(image)
        histories.append(history)
        return images.count - 1
    }
}

extension ImageConfiguration.History {
    /// In the order in which Docker's own structure has its members.
    fileprivate var legacyJSON: JSON {
        let known = json
        let order = ["created", "author", "created_by", "comment"]
        return .object(JSONObject(order.compactMap { name in known[name].map { (name, $0) } }))
    }
}
