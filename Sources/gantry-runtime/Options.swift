internal import Runtime

/// A command line in runc's manner: `--name value`, `--name=value`, `-n value`; one dash is as good as two.
struct Options {
    private var values: [String: [String]] = [:]
    private(set) var rest: [String] = []

    /// `flags` stand alone, `valued` take a value. With `stopsAtFirst`, options end at the first plain word.
    init(_ words: [String], flags: Set<String>, valued: Set<String>, stopsAtFirst: Bool = false) throws(LaunchFailure) {
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            guard word.hasPrefix("-"), word != "-" else {
                rest.append(word)
                if stopsAtFirst {
                    rest += words[index...]
                    return
                }
                continue
            }
            if word == "--" {
                rest += words[index...]
                return
            }
            let body = word.drop { $0 == "-" }
            let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            if flags.contains(name) {
                let value = parts.count > 1 ? String(parts[1]) : "true"
                values[name, default: []].append(value)
            } else if valued.contains(name) {
                if parts.count > 1 {
                    values[name, default: []].append(String(parts[1]))
                } else {
                    guard index < words.count else { throw LaunchFailure("flag needs a value: --\(name)") }
                    values[name, default: []].append(words[index])
                    index += 1
                }
            } else {
                throw LaunchFailure("unknown flag: --\(name)")
            }
        }
    }

    func value(_ names: String...) -> String? {
        for name in names { if let value = values[name]?.last { return value } }
        return nil
    }

    func all(_ names: String...) -> [String] { names.flatMap { values[$0] ?? [] } }

    func has(_ names: String...) -> Bool { names.contains { values[$0]?.last == "true" } }

    /// The container's name, the first plain word.
    func identifier() throws(LaunchFailure) -> String {
        guard let id = rest.first else { throw LaunchFailure("container ID is missing") }
        let plain = id.utf8.allSatisfy { byte in
            (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
                || byte == 0x2b || byte == 0x2d || byte == 0x2e || byte == 0x5f
        }
        guard plain, id != ".", id != "..", id.utf8.count <= 1024 else {
            throw LaunchFailure("container ID \(id): invalid characters")
        }
        return id
    }
}
