internal import ByteText
internal import GoTemplate
internal import JSON

/// A container as `ps` shows it.
struct ContainerRow {
    private let document: JSON
    private let isTruncated: Bool

    init(_ document: JSON, isTruncated: Bool) {
        self.document = document
        self.isTruncated = isTruncated
    }

    static func listing(showsSize: Bool) -> Listing {
        Listing(
            headings: [
                ("Command", "COMMAND"), ("CreatedAt", "CREATED AT"), ("ID", "CONTAINER ID"), ("Image", "IMAGE"),
                ("Labels", "LABELS"), ("LocalVolumes", "LOCAL VOLUMES"), ("Mounts", "MOUNTS"), ("Names", "NAMES"),
                ("Networks", "NETWORKS"), ("Platform", "PLATFORM"), ("Ports", "PORTS"), ("RunningFor", "CREATED"),
                ("Size", "SIZE"), ("State", "STATE"), ("Status", "STATUS"),
            ],
            standard: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
                + (showsSize ? "\t{{.Size}}" : ""),
            quiet: "{{.ID}}", typeName: "*formatter.ContainerContext", isContainers: true)
    }

    var data: Template.Data {
        let labels = document["Labels"]?.objectValue ?? JSONObject()
        return Template.Data.docker(
            .object(fields), typeName: "*formatter.ContainerContext",
            methods: [
                "Label": { arguments in labels[TemplateValue.text(arguments.first ?? nil)] ?? "" }
            ])
    }

    private func text(_ key: String) -> String { document[key]?.stringValue ?? "" }

    /// In the order of their names, as Go writes a map.
    private var fields: JSONObject {
        let created = document["Created"]?.intValue ?? 0
        let labels = document["Labels"]?.objectValue ?? JSONObject()
        let mounts = document["Mounts"]?.arrayValue ?? []
        let id = text("Id")
        return JSONObject([
            ("Command", .string(quoted(isTruncated ? Ellipsis.cut(text("Command"), to: 20) : text("Command")))),
            ("CreatedAt", .string(Units.timestamp(created))),
            ("ID", .string(isTruncated ? String(id.prefix(12)) : id)),
            ("Image", .string(image)),
            ("Labels", .string(joined(labels))),
            ("LocalVolumes", .string(String(mounts.count { $0["Driver"]?.stringValue == "local" }))),
            ("Mounts", .string(mounts.map(mountName).joined(separator: ","))),
            ("Names", .string(names)),
            ("Networks", .string(networks)),
            ("Platform", platform),
            ("Ports", .string(PortList.text(document["Ports"]?.arrayValue ?? []))),
            ("RunningFor", .string(Units.ago(created))),
            ("Size", .string(size)),
            ("State", .string(text("State"))),
            ("Status", .string(text("Status"))),
        ])
    }

    private func joined(_ labels: JSONObject) -> String {
        TemplateValue.sortedKeys(labels).map { "\($0)=\(TemplateValue.text(labels[$0]))" }.joined(separator: ",")
    }

    private var image: String {
        let name = text("Image")
        if name.isEmpty { return "<no image>" }
        guard isTruncated else { return name }
        let bare = name.hasBytePrefix("sha256:") ? String(name.dropFirst(bytes: 7)) : name
        // An image that lost its name is shown by the ID.
        let id = text("ImageID")
        let digits = id.hasBytePrefix("sha256:") ? String(id.dropFirst(bytes: 7)) : id
        if !digits.isEmpty, digits == bare { return String(bare.prefix(12)) }
        if let at = name.firstIndex(ofByte: "@"), Names.tag(of: String(name[..<at])) != nil {
            return String(name[..<at])
        }
        if let at = name.firstIndex(ofByte: "@") { return String(name[..<at]) }
        return name
    }

    private var names: String {
        let all = (document["Names"]?.arrayValue ?? []).compactMap(\.stringValue).map { name in
            name.hasBytePrefix("/") ? String(name.dropFirst(bytes: 1)) : name
        }
        // Links show up as names with two steps.
        return (isTruncated ? all.filter { !$0.contains(byte: "/") } : all).joined(separator: ",")
    }

    private var networks: String {
        guard let networks = document["NetworkSettings"]?["Networks"]?.objectValue else { return "" }
        return networks.keys.joined(separator: ",")
    }

    private var platform: JSON {
        guard let platform = document["ImageManifestDescriptor"]?["platform"] else { return .null }
        return platform
    }

    private func mountName(_ mount: JSON) -> String {
        let name = mount["Name"]?.stringValue ?? ""
        let shown = name.isEmpty ? mount["Source"]?.stringValue ?? "" : name
        return isTruncated ? Ellipsis.cut(shown, to: 15) : shown
    }

    private var size: String {
        let own = Units.size(document["SizeRw"]?.doubleValue ?? 0, precision: 3)
        guard let total = document["SizeRootFs"]?.doubleValue, total > 0 else { return own }
        return "\(own) (virtual \(Units.size(total, precision: 3)))"
    }
}

/// Texts too long for a column.
enum Ellipsis {
    /// At most `width` characters, the last one `…` when something is missing.
    static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : String(text.prefix(width - 1)) + "…"
    }
}
