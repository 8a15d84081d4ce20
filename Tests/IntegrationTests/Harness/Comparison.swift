import Foundation
import Testing

/// Lines of shell given alike to Docker, which says what is right, and to Gantry through each command line.
struct Comparison {
    /// A file of sections; see `Fixtures/image_commands.txt` for what stands in front of a line.
    struct Section {
        var name: String
        var lines: [Line] = []

        static func read(_ file: String) throws -> [Section] {
            var sections: [Section] = []
            for text in try Programs.text(Programs.fixtures + "/" + file).split(separator: "\n") {
                if text.hasPrefix("#") { continue }
                if text.hasPrefix("[") {
                    sections.append(Section(name: String(text.dropFirst().dropLast())))
                } else {
                    sections[sections.count - 1].lines.append(Line(String(text)))
                }
            }
            return sections
        }
    }

    struct Line {
        var text: String
        var comparesMessages = true
        var isCompared = true

        init(_ text: String) {
            self.text = text
            guard text.hasPrefix("! ") || text.hasPrefix("~ ") else { return }
            comparesMessages = false
            isCompared = text.hasPrefix("!")
            self.text = String(text.dropFirst(2))
        }
    }

    /// A command line with a daemon behind it.
    final class Side {
        let name: String
        let program: String
        private let environment: [String: String]
        private let scratch: String
        /// Long ids by the names they are shown with: what is made anew has others each time.
        private var ids: [(id: String, name: String)] = []
        private var kept: Set<String> = []

        init(_ name: String, program: String, environment: [String: String], scratch: String) throws {
            (self.name, self.program, self.scratch) = (name, program, "\(scratch)/\(name)")
            try FileManager.default.createDirectory(atPath: self.scratch, withIntermediateDirectories: true)
            let more = ["CLIENT": program, "TAR": BusyboxImage.tar, "SCRATCH": self.scratch]
            self.environment = environment.merging(more) { $1 }
        }

        func run(_ line: String) throws -> Output {
            try command(["bash", "-c", "docker() { \"$CLIENT\" \"$@\"; }\n" + line], environment: environment)
        }

        /// No containers, and no images but those of the archive.
        func reset(_ archive: String) throws {
            try removeAll()
            let loaded = try run("docker load -i '\(archive)'")
            guard loaded.status == 0 else { throw HarnessError("\(loaded)") }
            kept = Set(Self.ids(in: try run("docker images -aq --no-trunc").out))
            ids = []
        }

        /// What each line shows, as far as it is comparable.
        func run(_ section: Section, archive: String) throws -> [String] {
            try reset(archive)
            return try section.lines.map { line in
                let output = try run(line.text)
                // Containers that were just made are mentioned by their short ids.
                if !line.isCompared { _ = comparable(try run("docker ps -aq --no-trunc").out) }
                return "\(output.status)\n\(comparable(output.out))"
                    + (line.comparesMessages ? "messages: \(comparable(output.err))" : "")
            }
        }

        func removeAll() throws {
            let ids = try run("docker ps -aq").lines.joined(separator: " ")
            if !ids.isEmpty { _ = try run("docker rm -f " + ids) }
            // Parents are kept while they have children.
            for _ in 0..<10 {
                let images = Set(try run("docker images -aq").lines)
                if images.isEmpty { break }
                _ = try run("docker rmi -f " + images.sorted().joined(separator: " "))
            }
        }

        /// Without what differs each time: ids and times of what was just made, and who speaks.
        func comparable(_ text: String) -> String {
            var text = text
            for id in Self.ids(in: text) where !kept.contains(id) && !ids.contains(where: { $0.id == id }) {
                ids.append((id, "<\(ids.count + 1)>"))
            }
            for (id, name) in ids {
                text = text.replacingOccurrences(of: id, with: name)
                    .replacingOccurrences(of: id.prefix(12), with: name)
            }
            text = text.replacingOccurrences(of: scratch, with: "$SCRATCH")
            text.replace(/(About a minute|Less than a second|\d+ seconds?) ago/, with: "<now>")
            return program.hasSuffix("/gantry") ? text.replacingOccurrences(of: "gantry", with: "docker") : text
        }

        private static func ids(in text: String) -> [String] {
            text.matches(of: /[0-9a-f]{64}/).map { String($0.output) }
        }
    }

    let sides: [Side]

    /// - Parameter variables: what the lines find in their environment beside `TAR` and `SCRATCH`.
    init(
        _ docker: DockerEngine, _ daemon: Daemon, scratch: String, variables: [String: String] = [:]
    ) throws {
        let clients = try Client.all.map {
            try Side(
                "\($0)", program: $0.program, environment: daemon.environment.merging(variables) { $1 },
                scratch: scratch)
        }
        sides =
            [
                try Side(
                    "reference", program: Programs.docker, environment: docker.environment.merging(variables) { $1 },
                    scratch: scratch)
            ] + clients
    }

    /// Records every line whose output, messages or status are not Docker's.
    func run(_ section: Section, archive: String) throws {
        let shown = try sides.map { try $0.run(section, archive: archive) }
        for (index, line) in section.lines.enumerated() where line.isCompared {
            for (side, texts) in zip(sides, shown) where texts[index] != shown[0][index] {
                Issue.record(
                    """
                    [\(section.name)] \(side.name): \(line.text)
                    --- is
                    \(texts[index])
                    --- with Docker
                    \(shown[0][index])
                    """)
            }
        }
    }
}
