internal import ByteText
internal import JSON
package import OCI

extension ImageConfiguration.Config {
    /// Applies Dockerfile lines, as `docker import --change` and `docker commit --change` take them.
    package mutating func apply(changes: [String]) throws(ImageError) {
        var hasCommand = false
        for change in changes {
            let word = try apply(change: change)
            if word == "CMD" { hasCommand = true }
            // Words for another program are none for this one.
            if word == "ENTRYPOINT", !hasCommand { cmd = nil }
        }
    }

    private static let words: Set<String> = [
        "CMD", "ENTRYPOINT", "ENV", "LABEL", "EXPOSE", "VOLUME", "USER", "WORKDIR", "STOPSIGNAL", "ONBUILD",
        "HEALTHCHECK",
    ]

    /// Returns the instruction's name.
    private mutating func apply(change: String) throws(ImageError) -> String {
        let line = change.trimmed
        let (word, rest) = Self.firstWord(line)
        guard !word.isEmpty else { return "" }
        guard Self.words.contains(word.uppercased()) else {
            throw .invalidArgument("\(word.lowercased()) is not a valid change command")
        }
        if rest.isEmpty { throw .invalidArgument("\(word.uppercased()) requires at least one argument") }
        switch word.uppercased() {
        case "CMD":
            cmd = Self.command(rest)
            argsEscaped = false
        case "ENTRYPOINT": entrypoint = Self.command(rest)
        case "ENV":
            for (key, value) in try pairs(rest, of: "ENV") { setEnvironment(key, value) }
        case "LABEL":
            for (key, value) in try pairs(rest, of: "LABEL") { labels[key] = value }
        case "EXPOSE":
            for port in DockerfileWords.split(rest) {
                exposedPorts = Set(exposedPorts + [try Self.port(try expanded(port))]).sorted()
            }
        case "VOLUME":
            for volume in Self.list(rest) ?? DockerfileWords.split(rest) {
                volumes = Set(volumes + [try expanded(volume)]).sorted()
            }
        case "USER": user = try expanded(rest)
        case "WORKDIR": workingDir = Self.path(try expanded(rest), from: workingDir)
        case "STOPSIGNAL": stopSignal = try expanded(rest)
        case "ONBUILD": onBuild.append(rest)
        default: healthcheck = try Self.healthcheck(rest)
        }
        return word.uppercased()
    }

    /// With the variables that the configuration has so far.
    private func expanded(_ word: String) throws(ImageError) -> String { try DockerfileWords.expand(word, env) }

    private static func firstWord(_ text: String) -> (word: String, rest: String) {
        let scalars = text.unicodeScalars
        let end = scalars.firstIndex { $0.properties.isWhitespace } ?? scalars.endIndex
        return (String(text[..<end]), String(text[end...]).trimmed)
    }

    private mutating func setEnvironment(_ key: String, _ value: String) {
        let entry = "\(key)=\(value)"
        if let index = env.firstIndex(where: { $0.hasBytePrefix(key + "=") || $0 == key }) {
            env[index] = entry
        } else {
            env.append(entry)
        }
    }

    /// A JSON list is taken as it is, anything else is a line for the shell.
    private static func command(_ text: String) -> [String] { list(text) ?? ["/bin/sh", "-c", text] }

    private static func list(_ text: String) -> [String]? {
        guard text.hasBytePrefix("["), let json = try? JSON.parse(text), let values = json.arrayValue else {
            return nil
        }
        let texts = values.compactMap(\.stringValue)
        return texts.count == values.count ? texts : nil
    }

    /// `a=b c="d e"`, or the old form `a b c`, which is one pair. Variables are those before the line, also in its later pairs.
    private func pairs(_ text: String, of command: String) throws(ImageError) -> [(String, String)] {
        let words = DockerfileWords.split(text)
        guard let first = words.first else { return [] }
        guard first.contains(byte: "=") else {
            let value = Self.firstWord(text).rest
            guard !value.isEmpty else { throw .invalidArgument("\(command) must have two arguments") }
            return [(try expanded(first), try expanded(value))]
        }
        var pairs: [(String, String)] = []
        for word in words {
            let (key, value) = word.cut(at: "=")
            guard let value, !key.isEmpty else {
                throw .invalidArgument(
                    "Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
            }
            pairs.append((try expanded(String(key)), try expanded(String(value))))
        }
        return pairs
    }

    /// `80` is `80/tcp`.
    private static func port(_ text: String) throws(ImageError) -> String {
        let parts = text.split(byte: "/", omittingEmptySubsequences: false)
        let bounds = parts[0].split(byte: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        let network = parts.count > 1 ? parts[1].lowercased() : "tcp"
        guard parts.count <= 2, (1...2).contains(bounds.count), !bounds.contains(nil),
            ["tcp", "udp", "sctp"].contains(network)
        else { throw .invalidArgument("invalid containerPort: \(text)") }
        return "\(parts[0])/\(network)"
    }

    private static func path(_ path: String, from base: String) -> String {
        let whole = path.hasBytePrefix("/") ? path : base + "/" + path
        var components: [Substring] = []
        for component in whole.split(byte: "/") where component != "." {
            if component == ".." { _ = components.popLast() } else { components.append(component) }
        }
        return "/" + components.joined(separator: "/")
    }

    private static func healthcheck(_ text: String) throws(ImageError) -> ImageConfiguration.Healthcheck {
        var check = ImageConfiguration.Healthcheck()
        var rest = text
        while rest.hasBytePrefix("--") {
            let flag: String
            (flag, rest) = Self.firstWord(rest)
            let parts = flag.dropFirst(2).split(byte: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw .invalidArgument("invalid HEALTHCHECK flag \(flag)") }
            if parts[0] == "retries", let count = Int64(parts[1]), count >= 0 {
                check.retries = count
                continue
            }
            guard let time = GoDuration.nanoseconds(parts[1]), time >= 0 else {
                throw .invalidArgument("invalid duration in \(flag)")
            }
            switch parts[0] {
            case "interval": check.interval = time
            case "timeout": check.timeout = time
            case "start-period": check.startPeriod = time
            case "start-interval": check.startInterval = time
            default: throw .invalidArgument("Unknown flag: \(parts[0])")
            }
        }
        let (kind, line) = Self.firstWord(rest)
        switch kind.uppercased() {
        case "NONE": check.test = ["NONE"]
        case "CMD" where !line.isEmpty: check.test = list(line).map { ["CMD"] + $0 } ?? ["CMD-SHELL", line]
        default: throw .invalidArgument("Unknown type \"\(kind.uppercased())\" in HEALTHCHECK (try CMD)")
        }
        return check
    }
}

extension String {
    /// Without white space at both ends.
    var trimmed: String {
        String(trimmingSpace)
    }
}
