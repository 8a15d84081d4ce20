internal import ByteText
internal import Flags
internal import JSON

/// `gantry manifest`: several images under one name, put together here and pushed as a list.
enum ManifestCommands {
    static var commands: [CommandEntry] {
        [
            CommandEntry("annotate", annotate), CommandEntry("create", create), CommandEntry("inspect", inspect),
            CommandEntry("push", push), CommandEntry("rm", remove),
        ]
    }

    private static let insecure = Flag("insecure", nil, .bool(), "Accepted; the daemon's insecure-registries decide")

    static func create() -> Command {
        Command(
            usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
            summary: "Create a local manifest list for annotating and pushing",
            flags: [Flag("amend", "a", .bool(), "Amend an existing manifest list"), insecure], arity: .atLeast(2)
        ) { call in
            let name = Names.canonical(call.arguments[0])
            let store = try store(call)
            if try store.list(name) != nil, !call.flags.bool("amend") {
                throw CommandError("refusing to amend an existing manifest list with no --amend flag")
            }
            for image in call.arguments.dropFirst() {
                let reference = Names.canonical(image)
                var remote = try RemoteManifest(reference, call)
                if remote.isList {
                    throw CommandError("cannot use digest \(remote.digest): \(reference) is a manifest list")
                }
                try remote.findPlatform(call)
                try store.save(remote.entry, in: name)
            }
            try Output.line("Created manifest list \(name)")
            return 0
        }
    }

    static func annotate() -> Command {
        Command(
            usage: "[OPTIONS] MANIFEST_LIST MANIFEST", summary: "Add additional information to a local image manifest",
            flags: [
                Flag("arch", nil, .string, "Set architecture"), Flag("os", nil, .string, "Set operating system"),
                Flag("os-features", nil, .list("strings"), "Set operating system feature"),
                Flag("os-version", nil, .string, "Set operating system version"),
                Flag("variant", nil, .string, "Set architecture variant"),
            ], arity: .exactly(2)
        ) { call in
            let name = Names.canonical(call.arguments[0])
            let reference = Names.canonical(call.arguments[1])
            let store = try store(call)
            guard let entries = try store.list(name) else { throw CommandError("no such manifest: \(name)") }
            guard var entry = entries.first(where: { $0.reference == reference }) else {
                throw CommandError("manifest for image \(reference) does not exist in \(name)")
            }
            var platform = entry.descriptor["platform"]?.objectValue ?? JSONObject()
            for (flag, key) in [
                ("arch", "architecture"), ("os", "os"), ("os-version", "os.version"), ("variant", "variant"),
            ] where call.flags.isSet(flag) { platform[key] = .string(call.flags.string(flag)) }
            let features = call.flags.list("os-features").flatMap { $0.split(byte: ",").map(String.init) }
            if !features.isEmpty { platform["os.features"] = .array(features.map { .string($0) }) }
            entry.descriptor["platform"] = .object(platform)
            try store.save(entry, in: name)
            return 0
        }
    }

    static func inspect() -> Command {
        Command(
            usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST", summary: "Display an image manifest, or manifest list",
            flags: [insecure, Flag("verbose", "v", .bool(), "Output additional info including layers and platform")],
            arity: .between(1, 2)
        ) { call in
            let isVerbose = call.flags.bool("verbose")
            let store = try store(call)
            let name = Names.canonical(call.arguments.last ?? "")
            if call.arguments.count == 2 {
                let list = Names.canonical(call.arguments[0])
                guard let entry = try store.list(list)?.first(where: { $0.reference == name }) else {
                    throw CommandError("No such manifest: \(name)")
                }
                try Output.line(text(of: entry, isVerbose))
                return 0
            }
            if let entries = try store.list(name) {
                try Output.line(
                    isVerbose
                        ? JSON.array(entries.map(\.document)).text(indent: "\t")
                        : ManifestList(entries).document.text(indent: "   "))
                return 0
            }
            var remote = try RemoteManifest(name, call)
            if remote.isList {
                let document = try Client.parse(remote.raw)
                guard isVerbose else {
                    try Output.line(inOrder(document).text(indent: "   "))
                    return 0
                }
                let repository = Names.split(name).name
                var rows: [JSON] = []
                for descriptor in document["manifests"]?.arrayValue ?? [] {
                    var part = try RemoteManifest(
                        repository + "@" + (descriptor["digest"]?.stringValue ?? ""), call)
                    part.descriptor = descriptor
                    part.reference = name + "@" + part.digest
                    rows.append(part.entry.document)
                }
                try Output.line(JSON.array(rows).text(indent: "\t"))
                return 0
            }
            if isVerbose { try remote.findPlatform(call) }
            try Output.line(text(of: remote.entry, isVerbose))
            return 0
        }
    }

    /// Members as Docker's own command line prints them, whatever order the registry has.
    private static func inOrder(_ list: JSON) -> JSON {
        var list = list
        list["manifests"] = .array(
            (list["manifests"]?.arrayValue ?? []).map { descriptor in
                guard let members = descriptor.objectValue else { return descriptor }
                var ordered = JSONObject()
                for key in ["mediaType", "size", "digest"] { ordered[key] = members[key] }
                for (key, value) in members { ordered[key] = value }
                return .object(ordered)
            })
        return list
    }

    private static func text(of entry: ManifestStore.Entry, _ isVerbose: Bool) throws(CommandError) -> String {
        try isVerbose ? entry.document.text(indent: "\t") : Client.parse(entry.raw).text(indent: "\t")
    }

    static func push() -> Command {
        Command(
            usage: "[OPTIONS] MANIFEST_LIST", summary: "Push a manifest list to a repository",
            flags: [insecure, Flag("purge", "p", .bool(), "Remove the local manifest list after push")],
            arity: .exactly(1)
        ) { call in
            let name = Names.canonical(call.arguments[0])
            let store = try store(call)
            guard let entries = try store.list(name), !entries.isEmpty else {
                throw CommandError("no such manifest: \(name)")
            }
            let list = ManifestList(entries)
            try list.check()
            let target = Names.split(name).name
            for entry in entries where Names.split(entry.reference).name != target {
                let digest = entry.descriptor["digest"]?.stringValue ?? ""
                try RemoteManifest.copy(entry, to: target, call)
                try Output.line("Pushed ref \(target)@\(digest) with digest: \(digest)")
            }
            let digest = try RemoteManifest.put(
                list.document.serialized(indent: "   "), list.mediaType, as: name, call)
            try Output.line(digest)
            if call.flags.bool("purge") { _ = try store.remove(name) }
            return 0
        }
    }

    static func remove() -> Command {
        Command(
            usage: "MANIFEST_LIST [MANIFEST_LIST...]", summary: "Delete one or more manifest lists from local storage",
            arity: .atLeast(1)
        ) { call in
            let store = try store(call)
            var complaints: [String] = []
            for name in call.arguments.map(Names.canonical) where !(try store.remove(name)) {
                complaints.append("no such manifest: \(name)")
            }
            if complaints.isEmpty { return 0 }
            throw CommandError(complaints.joined(separator: "\n"))
        }
    }

    private static func store(_ call: Invocation) throws(CommandError) -> ManifestStore {
        ManifestStore(try call.session.credentialStore().configuration)
    }
}

/// The document that a list becomes.
private struct ManifestList {
    let entries: [ManifestStore.Entry]

    init(_ entries: [ManifestStore.Entry]) {
        self.entries = entries
    }

    /// Of the same family as what is in it.
    var mediaType: String {
        let isOCI = entries.allSatisfy { $0.descriptor["mediaType"]?.stringValue?.contains(".oci.") ?? false }
        return isOCI
            ? "application/vnd.oci.image.index.v1+json" : "application/vnd.docker.distribution.manifest.list.v2+json"
    }

    var document: JSON {
        [
            "schemaVersion": 2, "mediaType": .string(mediaType), "manifests": .array(entries.map(\.descriptor)),
        ]
    }

    func check() throws(CommandError) {
        for entry in entries {
            let platform = entry.descriptor["platform"]
            if platform?["architecture"]?.stringValue ?? "" == "" || platform?["os"]?.stringValue ?? "" == "" {
                throw CommandError(
                    "manifest \(entry.reference) must have an OS and Architecture to be pushed to a registry; "
                        + "say them with: gantry manifest annotate --os OS --arch ARCH")
            }
        }
    }
}
