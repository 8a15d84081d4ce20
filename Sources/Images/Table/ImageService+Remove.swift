internal import GRDB
internal import JSON
internal import Layers
internal import OCI
internal import Store
internal import Synchronization

extension ImageService {
    /// Takes away a name, and the image with its last one, by Docker's rules.
    ///
    /// - Parameters:
    ///   - name: a name takes away that name; an id takes away all names if they are of one repository.
    ///   - force: also when a stopped container was made from it, and from several repositories.
    ///   - noPrune: keep parents without a name.
    ///   - inUse: the containers made from an image.
    package func remove(
        _ name: String, force: Bool = false, noPrune: Bool = false, inUse: @escaping (ImageID) -> [ContainerUse]
    ) throws(ImageError) -> [ImageDeletion] {
        try removal(name, force: force, prune: !noPrune, inUse).records
    }

    private func removal(
        _ name: String, force: Bool, prune: Bool, _ inUse: @escaping (ImageID) -> [ContainerUse]
    ) throws(ImageError) -> RemovalOutcome {
        // Even if a later step is refused, what was untagged before stays untagged and is told.
        let (done, freed) = try change { change throws(ImageError) in
            var removal = Removal(change: change, force: force, prune: prune, inUse: inUse)
            defer { change = removal.change }
            do throws(ImageError) {
                try removal.remove(name)
                return (removal.outcome, ImageError?.none)
            } catch {
                return (removal.outcome, error)
            }
        }
        var (outcome, failure) = done
        outcome.freed = freed
        for event in outcome.events { onEvent(event) }
        if let failure { throw failure }
        return outcome
    }

    /// Removes what is not needed any more by anybody, and what Docker would call not used: images without a name, or with
    /// `all` those that no container was made from.
    ///
    /// - Returns: what was removed, and the sum of the sizes of layers that went with it.
    package func prune(
        all: Bool, filters: [String: [String]], inUse: @escaping (ImageID) -> [ContainerUse]
    ) throws(ImageError) -> (deletions: [ImageDeletion], freed: Int64) {
        var filters = filters
        filters["dangling"] = all ? nil : ["true"]
        var (deletions, freed): ([ImageDeletion], Int64) = ([], 0)
        // Children before their parents.
        for image in try list(all: true, filters: filters) where inUse(image.id).isEmpty {
            let names = image.repoTags.isEmpty ? [image.id.description] : image.repoTags
            for name in names {
                // Another client may have taken it away, or made a container of it, meanwhile.
                guard let outcome = try? removal(name, force: false, prune: true, inUse) else { continue }
                deletions += outcome.records
                freed = freed.saturatingAdd(outcome.freed)
            }
        }
        return (deletions, freed)
    }
}

/// What a removal did.
struct RemovalOutcome {
    var records: [ImageDeletion] = []
    var events: [ImageEvent] = []
    /// The sizes of layers that went with them.
    var freed: Int64 = 0
}

/// Docker's order of removing names and images (daemon/images/image_delete.go): which names go, what stands against it.
private struct Removal {
    var change: ImageTransaction
    let force: Bool
    let prune: Bool
    let inUse: (ImageID) -> [ContainerUse]
    var outcome = RemovalOutcome()
    private var table: ImageTable { change.table }

    mutating func remove(_ text: String) throws(ImageError) {
        let (id, name) = try table.resolve(text)
        let references = table.references(of: id)
        var isNameGone = false
        if let name {
            if !force, Self.isSingle(references), let container = inUse(id).first {
                throw .conflict(
                    "conflict: unable to remove repository reference \"\(text)\" (must force) - container "
                        + "\(container.id.prefix(12)) is using its referenced image \(id.short)")
            }
            untag(name, id)
            var left = table.references(of: id)
            if name.digest == nil, !left.contains(where: { $0.digest == nil && $0.name == name.name }) {
                // With the last tag of a repository go its digests.
                for digest in left where digest.name == name.name { untag(digest, id) }
                left.removeAll { $0.name == name.name }
            }
            if !left.isEmpty { return }
            isNameGone = true
        } else if Self.isSingle(references) {
            if let conflict = conflict(id, isForced: force, countsNames: false) { throw conflict.error(id) }
            for reference in references { untag(reference, id) }
        }
        try delete(id, quiet: isNameGone)
    }

    private mutating func delete(_ id: ImageID, quiet: Bool) throws(ImageError) {
        guard let image = table.record(id) else { return }
        if let conflict = conflict(id, isForced: force, countsNames: true) {
            // Its last name is gone: what others stand on or use stays without a word.
            if quiet { return }
            throw conflict.error(id)
        }
        for reference in table.references(of: id) { untag(reference, id) }
        change.remove(image)
        outcome.records.append(.deleted(id.description))
        outcome.events.append(ImageEvent(action: .delete, id: id.description, name: id.description))
        // Only images with the same lowest layer can share a stack.
        let kin = table.images.values.filter { $0.layers.first == image.layers.first }
        let others = Set(kin.flatMap { ChainID.all($0.layers) })
        for chain in ChainID.all(image.layers).reversed() where !others.contains(chain) {
            outcome.records.append(.deleted(chain.description))
        }
        if prune, let parent = image.parent, let above = table.record(parent), above.isDangling,
            above.repoDigests.isEmpty
        {
            try delete(parent, quiet: true)
        }
    }

    private mutating func untag(_ name: Reference, _ id: ImageID) {
        change.unset(name)
        outcome.records.append(.untagged(name.familiar))
        outcome.events.append(ImageEvent(action: .untag, id: id.description, name: id.description))
    }

    private struct Conflict {
        let isHard: Bool
        let reason: String

        func error(_ id: ImageID) -> ImageError {
            let way = isHard ? "cannot be forced" : "must be forced"
            return .conflict("conflict: unable to delete \(id.short) (\(way)) - \(reason)")
        }
    }

    private func conflict(_ id: ImageID, isForced: Bool, countsNames: Bool) -> Conflict? {
        if table.images.values.contains(where: { $0.parent == id }) {
            return Conflict(isHard: true, reason: "image has dependent child images")
        }
        let uses = inUse(id)
        if let use = uses.first(where: \.running) {
            return Conflict(
                isHard: true, reason: "image is being used by running container \(use.id.prefix(12))")
        }
        if isForced { return nil }
        if countsNames, !table.references(of: id).isEmpty {
            return Conflict(isHard: false, reason: "image is referenced in multiple repositories")
        }
        if let use = uses.first {
            return Conflict(
                isHard: false, reason: "image is being used by stopped container \(use.id.prefix(12))")
        }
        return nil
    }

    /// At most one tag, and digests of its repository only.
    private static func isSingle(_ references: [Reference]) -> Bool {
        if references.count <= 1 { return true }
        let tags = references.filter { $0.digest == nil }
        let repositories = Set(references.filter { $0.digest != nil }.map(\.name))
        guard tags.count <= 1, let single = tags.first ?? references.first else { return false }
        return repositories == [single.name]
    }
}

/// Names of stacks of layers (OCI image-spec, config.md, "Layer ChainID").
enum ChainID {
    /// For every layer the name of it with all below.
    static func all(_ layers: [LayerID]) -> [Digest] {
        var chains: [Digest] = []
        for layer in layers {
            if let below = chains.last {
                chains.append(ContentHash.digest(of: Array("\(below) \(layer)".utf8)))
            } else {
                chains.append(layer)
            }
        }
        return chains
    }
}
