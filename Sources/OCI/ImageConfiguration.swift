package import JSON

/// How a container of this image runs unless told otherwise, and what its layers are (OCI image-spec, config.md, with
/// Docker's additions).
package struct ImageConfiguration: Sendable {
    /// The bytes that the image's id is made of.
    package let raw: [UInt8]
    package let platform: Platform
    /// As written, before normalization: `arm64` and `v8`.
    package let architecture: String
    package let variant: String
    package let os: String
    package let osVersion: String
    package let created: Timestamp?
    package let author: String
    package let comment: String
    package let dockerVersion: String
    package let config: Config
    /// The digests of the layers' plain archives, bottom first.
    package let diffIDs: [Digest]
    package let history: [History]

    /// The `config` member.
    package struct Config: Sendable, Equatable {
        package var user = ""
        /// `80/tcp`, sorted.
        package var exposedPorts: [String] = []
        package var env: [String] = []
        /// Nil when not given, which is not the same as empty.
        package var entrypoint: [String]?
        package var cmd: [String]?
        /// Paths, sorted.
        package var volumes: [String] = []
        package var workingDir = ""
        package var labels: [String: String] = [:]
        package var stopSignal = ""
        package var shell: [String]?
        package var healthcheck: Healthcheck?
        package var onBuild: [String] = []
        package var argsEscaped = false

        package init() {}
    }

    /// Times in nanoseconds, 0 is the default.
    package struct Healthcheck: Sendable, Equatable {
        /// `NONE`, `CMD …` or `CMD-SHELL line`; empty inherits.
        package var test: [String] = []
        package var interval: Int64 = 0
        package var timeout: Int64 = 0
        package var startPeriod: Int64 = 0
        package var startInterval: Int64 = 0
        package var retries: Int64 = 0

        package init() {}
    }

    package struct History: Sendable, Equatable {
        package var created: Timestamp?
        package var createdBy = ""
        package var author = ""
        package var comment = ""
        package var isEmptyLayer = false

        package init() {}
    }
}

extension ImageConfiguration {
    /// Says nothing.
    package static let empty = ImageConfiguration(
        raw: Array("{}".utf8), platform: .host, architecture: "", variant: "", os: "", osVersion: "", created: nil,
        author: "", comment: "", dockerVersion: "", config: Config(), diffIDs: [], history: [])

    package init(parsing raw: [UInt8]) throws(OCIError) {
        let json: JSON
        do {
            json = try JSON.parse(raw)
        } catch {
            throw .invalidDocument("image configuration", reason: "\(error)")
        }
        guard json.objectValue != nil else { throw .invalidDocument("image configuration", reason: "not an object") }
        if let type = json["rootfs"]?["type"]?.stringValue, type != "layers" {
            throw .invalidDocument("image configuration", reason: "unknown root file system type")
        }
        var diffIDs: [Digest] = []
        for text in json["rootfs"]?.strings("diff_ids") ?? [] { diffIDs.append(try Digest(text)) }
        self.raw = raw
        architecture = json["architecture"]?.stringValue ?? ""
        variant = json["variant"]?.stringValue ?? ""
        os = json["os"]?.stringValue ?? ""
        osVersion = json["os.version"]?.stringValue ?? ""
        platform = Platform(os: os, architecture: architecture, variant: variant)
        created = json["created"]?.stringValue.flatMap { try? Timestamp($0) }
        author = json["author"]?.stringValue ?? ""
        comment = json["comment"]?.stringValue ?? ""
        dockerVersion = json["docker_version"]?.stringValue ?? ""
        config = json["config"].map(Config.init) ?? Config()
        self.diffIDs = diffIDs
        history = json["history"]?.arrayValue?.map(History.init) ?? []
    }
}

extension ImageConfiguration.Config {
    /// From the `config` member of an image's or the `Config` of a container's document.
    package init(_ json: JSON) {
        user = json["User"]?.stringValue ?? ""
        exposedPorts = json["ExposedPorts"]?.objectValue.map { Array($0.keys).sorted() } ?? []
        env = json.strings("Env") ?? []
        entrypoint = json.words("Entrypoint")
        cmd = json.words("Cmd")
        volumes = json["Volumes"]?.objectValue.map { Array($0.keys).sorted() } ?? []
        workingDir = json["WorkingDir"]?.stringValue ?? ""
        labels = json.stringMap("Labels")
        stopSignal = json["StopSignal"]?.stringValue ?? ""
        shell = json.words("Shell")
        healthcheck = json["Healthcheck"].flatMap(ImageConfiguration.Healthcheck.init)
        onBuild = json.strings("OnBuild") ?? []
        argsEscaped = json["ArgsEscaped"]?.boolValue ?? false
    }

    /// As written into an image configuration, with Docker's members in Go's order.
    package var json: JSON {
        var object = JSONObject()
        if !user.isEmpty { object["User"] = .string(user) }
        if !exposedPorts.isEmpty { object["ExposedPorts"] = Self.set(exposedPorts) }
        if !env.isEmpty { object["Env"] = Self.list(env) }
        if let entrypoint { object["Entrypoint"] = Self.list(entrypoint) }
        if let cmd { object["Cmd"] = Self.list(cmd) }
        if let healthcheck { object["Healthcheck"] = healthcheck.json }
        if argsEscaped { object["ArgsEscaped"] = .bool(true) }
        if !volumes.isEmpty { object["Volumes"] = Self.set(volumes) }
        if !workingDir.isEmpty { object["WorkingDir"] = .string(workingDir) }
        if !onBuild.isEmpty { object["OnBuild"] = Self.list(onBuild) }
        if !labels.isEmpty {
            object["Labels"] = .object(
                JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        if !stopSignal.isEmpty { object["StopSignal"] = .string(stopSignal) }
        if let shell { object["Shell"] = Self.list(shell) }
        return .object(object)
    }

    private static func list(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }

    private static func set(_ texts: [String]) -> JSON {
        .object(JSONObject(texts.sorted().map { ($0, .object(JSONObject())) }))
    }
}

extension ImageConfiguration.Healthcheck {
    init?(_ json: JSON) {
        guard json.objectValue != nil else { return nil }
        test = json["Test"]?.arrayValue?.compactMap(\.stringValue) ?? []
        interval = json["Interval"]?.intValue ?? 0
        timeout = json["Timeout"]?.intValue ?? 0
        startPeriod = json["StartPeriod"]?.intValue ?? 0
        startInterval = json["StartInterval"]?.intValue ?? 0
        retries = json["Retries"]?.intValue ?? 0
    }

    /// What it does not say is as in `other`.
    package mutating func complete(from other: Self?) {
        guard let other else { return }
        if test.isEmpty { test = other.test }
        if interval == 0 { interval = other.interval }
        if timeout == 0 { timeout = other.timeout }
        if startPeriod == 0 { startPeriod = other.startPeriod }
        if startInterval == 0 { startInterval = other.startInterval }
        if retries == 0 { retries = other.retries }
    }

    package var json: JSON {
        var object = JSONObject()
        if !test.isEmpty { object["Test"] = .array(test.map { .string($0) }) }
        let numbers = [
            ("Interval", interval), ("Timeout", timeout), ("StartPeriod", startPeriod),
            ("StartInterval", startInterval), ("Retries", retries),
        ]
        for (key, value) in numbers where value != 0 { object[key] = .number(String(value)) }
        return .object(object)
    }
}

extension ImageConfiguration.History {
    init(_ json: JSON) {
        created = json["created"]?.stringValue.flatMap { try? Timestamp($0) }
        createdBy = json["created_by"]?.stringValue ?? ""
        author = json["author"]?.stringValue ?? ""
        comment = json["comment"]?.stringValue ?? ""
        isEmptyLayer = json["empty_layer"]?.boolValue ?? false
    }

    package var json: JSON {
        var object = JSONObject()
        if let created { object["created"] = .string(created.description) }
        if !createdBy.isEmpty { object["created_by"] = .string(createdBy) }
        if !author.isEmpty { object["author"] = .string(author) }
        if !comment.isEmpty { object["comment"] = .string(comment) }
        if isEmptyLayer { object["empty_layer"] = .bool(true) }
        return .object(object)
    }
}
