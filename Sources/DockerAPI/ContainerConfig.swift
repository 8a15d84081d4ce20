// swift-format-ignore-file: AlwaysUseLowerCamelCase
internal import JSON

/// `{}`, the JSON form of elements in Go sets.
package struct EmptyObject: Codable, Sendable, Equatable {
    package init() {}
}

/// A list of strings that old clients may send as one string (Go's `strslice.StrSlice`).
package struct Words: Codable, Sendable, Equatable, ExpressibleByArrayLiteral {
    package var words: [String]

    package init(_ words: [String]) { self.words = words }
    package init(arrayLiteral elements: String...) { words = elements }

    package init(from decoder: any Decoder) throws {
        let json = try JSON(from: decoder)
        if let word = json.stringValue {
            words = [word]
        } else {
            words = try JSONDecoding.decode([String].self, from: json)
        }
    }

    package func encode(to encoder: any Encoder) throws { try words.encode(to: encoder) }
}

/// The host-independent part of a container's configuration (`Config` in the API).
package struct ContainerConfig: Codable, Sendable, Equatable, WritesNull {
    package var Hostname: String = ""
    package var Domainname: String = ""
    package var User: String = ""
    package var AttachStdin: Bool = false
    package var AttachStdout: Bool = false
    package var AttachStderr: Bool = false
    package var ExposedPorts: [String: EmptyObject]?
    package var Tty: Bool = false
    package var OpenStdin: Bool = false
    package var StdinOnce: Bool = false
    package var Env: [String]?
    package var Cmd: Words?
    package var Healthcheck: HealthConfig?
    package var ArgsEscaped: Bool?
    package var Image: String = ""
    package var Volumes: [String: EmptyObject]?
    package var WorkingDir: String = ""
    package var Entrypoint: Words?
    package var NetworkDisabled: Bool?
    package var MacAddress: String?
    package var OnBuild: [String]?
    package var Labels: [String: String]?
    package var StopSignal: String?
    package var StopTimeout: Int?
    package var Shell: Words?

    package static let omitted: Set<String> = [
        "ExposedPorts", "Healthcheck", "ArgsEscaped", "NetworkDisabled", "MacAddress", "StopSignal", "StopTimeout",
        "Shell",
    ]

    package init() {}
}

/// A health check; durations are nanoseconds.
package struct HealthConfig: Codable, Sendable, Equatable {
    package var Test: [String]?
    package var Interval: Int64?
    package var Timeout: Int64?
    package var StartPeriod: Int64?
    package var StartInterval: Int64?
    package var Retries: Int?

    package init() {}
}
