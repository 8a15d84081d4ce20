internal import ByteText
internal import Flags

/// The program `gantry`.
package enum Program {
    /// Runs one command; `arguments` without the program's own name. Returns the exit status.
    package static func main(_ arguments: [String]) -> Int32 {
        do {
            return try start(arguments)
        } catch let error as CommandError {
            if !error.message.isEmpty { Output.complain(error.message) }
            return error.status
        } catch {
            Output.complain("gantry: \(error)")
            return 1
        }
    }

    private static func start(_ words: [String]) throws -> Int32 {
        let global: ParsedFlags
        do {
            global = try ParsedFlags(words, flags: globalFlags, interspersed: false)
        } catch {
            throw CommandError(
                "\(error.message)\n\nUsage:  gantry [OPTIONS] COMMAND [ARG...]\n\nRun 'gantry --help' for more information",
                status: 125)
        }
        if global.bool("version") {
            try Output.line("gantry version \(Version.client)")
            return 0
        }
        let hosts = global.list("host")
        if hosts.count > 1 { throw CommandError("Specify only one -H") }
        if global.bool("tls") || global.bool("tlsverify") {
            throw CommandError("TLS to a daemon is not supported yet; use -H unix:// or an ssh tunnel")
        }
        let session = ClientSession(environment: Environment(), host: hosts.first)
        session.isDebug = global.bool("debug")
        session.configurationDirectory = global.optional("config")
        var rest = global.arguments[...]
        if global.wantsHelp || rest.isEmpty {
            try Output.write(Help.overview(CommandTree.entries, flags: globalFlags))
            return 0
        }
        // `gantry help run` is `gantry run --help`.
        if rest.first == "help" {
            rest = rest.dropFirst() + ["--help"]
            if rest.count == 1 {
                try Output.write(Help.overview(CommandTree.entries, flags: globalFlags))
                return 0
            }
        }
        return try descend(CommandTree.entries, rest, path: "gantry", session: session)
    }

    /// Follows the words to a command and runs it.
    private static func descend(
        _ entries: [CommandEntry], _ words: ArraySlice<String>, path: String, session: ClientSession
    ) throws -> Int32 {
        guard let word = words.first else { return 0 }
        guard let entry = entries.first(where: { $0.answers(to: word) }) else {
            let near = nearest(to: word, among: entries.flatMap { [$0.name] + $0.aliases })
            let hint = near.map { "\n\ndid you mean \(path) \($0)?" } ?? ""
            let usage = path == "gantry" ? "" : "Usage:  \(path)\n\n"
            throw CommandError(
                "gantry: unknown command: \(path) \(word)\(hint)\n\n\(usage)Run '\(path) --help' for more information")
        }
        let rest = words.dropFirst()
        let here = "\(path) \(entry.name == word ? entry.name : word)"
        switch entry.target {
        case .command(let make):
            return try run(make(), rest, path: here, session: session)
        case .group(let summary, let children):
            if rest.isEmpty || ["--help", "-h", "help"].contains(rest.first) {
                try Output.write(Help.text(forGroup: children, summary: summary, path: here))
                return 0
            }
            if let flag = rest.first, flag.hasBytePrefix("-") {
                throw CommandError(
                    "unknown flag: \(flag)\n\nUsage:  \(here) COMMAND\n\nRun '\(here) --help' for more information",
                    status: 125)
            }
            return try descend(children, rest, path: here, session: session)
        }
    }

    private static func run(
        _ command: Command, _ words: ArraySlice<String>, path: String, session: ClientSession
    ) throws -> Int32 {
        let usage = String("Usage:  \(path) \(command.usage)".trimmingTrailingSpace)
        let more = "Run '\(path) --help' for more information"
        let flags: ParsedFlags
        do {
            flags = try ParsedFlags(words, flags: command.flags, interspersed: command.interspersed)
        } catch {
            throw CommandError("\(error.message)\n\n\(usage)\n\n\(more)", status: 125)
        }
        if flags.wantsHelp {
            try Output.write(Help.text(for: command, path: path))
            return 0
        }
        if let complaint = command.arity.complaint(flags.arguments.count) {
            throw CommandError(
                "gantry: '\(path)' \(complaint)\n\n\(usage)\n\n\(complaint.contains("at least") && !complaint.contains("at most") ? "See" + more.dropFirst(3) : more)"
            )
        }
        return try command.run(Invocation(path: path, flags: flags, session: session))
    }

    private static let globalFlags: [Flag] = [
        Flag("config", nil, .string, "Directory of the client's configuration"),
        Flag("context", "c", .string, "Accepted for compatibility; contexts are not used"),
        Flag("debug", "D", .bool(), "Say more"),
        Flag("host", "H", .list(), "Daemon to talk to (unix:///path, tcp://host:port)"),
        Flag("log-level", "l", .string, "Accepted for compatibility"),
        Flag("tls", nil, .bool(), "", isHidden: true),
        Flag("tlscacert", nil, .string, "", isHidden: true),
        Flag("tlscert", nil, .string, "", isHidden: true),
        Flag("tlskey", nil, .string, "", isHidden: true),
        Flag("tlsverify", nil, .bool(), "", isHidden: true),
        Flag("version", "v", .bool(), "Print the version and quit"),
    ]
}
