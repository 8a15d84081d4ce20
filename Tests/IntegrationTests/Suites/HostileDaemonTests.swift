import Foundation
import Glibc
import Testing

extension Integration {
    /// A client's trust in a daemon ends at its own process and its user's terminal: Fixtures/hostile_daemon.py says what it
    /// may be told.
    @Suite(.enabled(if: Programs.isGantry, "about our command line")) struct HostileDaemon {
        private static let commands: [[String]] = [
            ["ps", "-a", "-s"], ["ps", "--no-trunc"], ["images"], ["images", "--no-trunc", "--digests"],
            ["history", "x"],
            ["history", "--no-trunc", "x"], ["search", "x"], ["top", "x"], ["diff", "x"], ["port", "x"],
            ["network", "ls"],
            ["system", "df"], ["info"], ["version"], ["login", "-u", "a", "-p", "b", "registry.example"],
            ["container", "prune", "-f"], ["wait", "x"], ["events"], ["pull", "x"], ["pull", "-q", "x"],
            ["start", "nosuch"],
            ["inspect", "x"], ["ps", "--format", "{{json .}}"], ["ps", "--format", "{{.Labels}} {{.Names}} {{.Size}}"],
            ["images", "--format", "{{.CreatedAt}} {{.CreatedSince}} {{.Size}}"], ["rmi", "nosuch"],
        ]

        private static let tables: Set = [
            "ps", "images", "history", "search", "top", "diff", "network", "system", "events", "pull",
        ]

        @Test func neitherEndsNorCommandsTheClient() throws {
            let scratch = try Scratch("hostile")
            let socket = scratch.path + "/socket"
            let server = try Child(["python3", Programs.fixtures + "/hostile_daemon.py", socket])
            defer { server.signal(SIGKILL) }
            try eventually("it listens") { Programs.exists(socket) }
            let environment = ["DOCKER_HOST": "unix://" + socket, "DOCKER_CONFIG": scratch.path + "/client"]
            for words in Self.commands {
                for wiring in [Child.Wiring.terminal(rows: 24, columns: 80), .pipes] {
                    let child = try Child([Client.gantry.program] + words, environment: environment, wiring: wiring)
                    let result = try child.wait()
                    #expect(result.status < 128, "\(words): \(result)")
                    var text = child.outText + child.errText
                    if case .pipes = wiring {
                        // Tables and errors are escaped wherever they go; the rest is into a pipe as it came.
                        if words.contains("--format") || !Self.tables.contains(words[0]) { text = child.errText }
                    } else {
                        // Ours, of the progress of a pull.
                        for own in ["[1A", "[2A", "[2K", "[1B", "[2B", "[3A", "[3B"] {
                            text = text.replacingOccurrences(of: "\u{1b}" + own, with: "")
                        }
                    }
                    let harmful = text.unicodeScalars.filter {
                        $0.value < 0x20 && !"\t\r\n".unicodeScalars.contains($0) || (0x7F..<0xA0).contains($0.value)
                            || $0.value == 0x202E
                    }
                    #expect(harmful.isEmpty, "\(words): \(text.debugDescription)")
                }
            }
        }
    }
}
