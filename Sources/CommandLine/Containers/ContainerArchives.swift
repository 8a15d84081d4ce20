internal import Flags
internal import JSON
internal import Linux

/// `diff`, `export` and `commit`.
enum ContainerArchives {
    static func diff() -> Command {
        Command(
            usage: "CONTAINER", summary: "Inspect changes to files or directories on a container's filesystem",
            arity: .exactly(1)
        ) { call in
            let answer = try call.client.get("/containers/\(Names.path(call.arguments[0]))/changes")
            var text = ""
            for change in answer.arrayValue ?? [] {
                let kinds = ["C", "A", "D"]
                let kind = change["Kind"]?.intValue.flatMap { kinds.indices.contains(Int($0)) ? kinds[Int($0)] : nil }
                text += "\(kind ?? "?") \(TerminalText.escaped(change["Path"]?.stringValue ?? "", keepsLines: false))\n"
            }
            try Output.write(text)
            return 0
        }
    }

    static func export() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER", summary: "Export a container's filesystem as a tar archive",
            flags: [Flag("output", "o", .string, "Write to a file, instead of STDOUT")], arity: .exactly(1)
        ) { call in
            try ArchiveOutput.write(
                to: call.flags.string("output"), what: "export container"
            ) { () throws(CommandError) in
                try call.session.client().stream("GET", "/containers/\(Names.path(call.arguments[0]))/export")
            }
            return 0
        }
    }

    static func commit() -> Command {
        Command(
            usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]", summary: "Create a new image from a container's changes",
            flags: [
                Flag("author", "a", .string, "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
                Flag("change", "c", .list(), "Apply Dockerfile instruction to the created image"),
                Flag("message", "m", .string, "Commit message"),
                Flag("pause", "p", .bool(true), "Pause container during commit"),
            ], arity: .between(1, 2)
        ) { call in
            var query: Client.Query = [("container", call.arguments[0])]
            if call.arguments.count > 1 {
                try Names.refuseEmptyTag(call.arguments[1])
                let (repository, tag) = Names.split(call.arguments[1])
                query += [("repo", repository), ("tag", tag)]
            }
            query += [("comment", call.flags.string("message")), ("author", call.flags.string("author"))]
            for change in call.flags.list("change") { query.append(("changes", change)) }
            if !call.flags.bool("pause") { query.append(("pause", "0")) }
            let answer = try call.client.post("/commit", query: query)
            try Output.line(answer["Id"]?.stringValue ?? "")
            return 0
        }
    }
}
