internal import ByteText
internal import JSON
internal import Linux

/// `gantry top` and `gantry port`: one container, a small question.
enum Top {
    static func command() -> Command {
        Command(
            usage: "CONTAINER [ps OPTIONS]", summary: "Display the running processes of a container",
            arity: .atLeast(1), interspersed: false
        ) { call in
            let words = call.arguments.dropFirst()
            let query: Client.Query = words.isEmpty ? [] : [("ps_args", words.joined(separator: " "))]
            let answer = try call.client.get(Lifecycle.path(call.arguments[0]) + "/top", query: query)
            func line(_ cells: JSON) -> String {
                (cells.arrayValue ?? []).map { TerminalText.escaped($0.stringValue ?? "", keepsLines: false) }.joined(
                    separator: "\t") + "\n"
            }
            var text = line(answer["Titles"] ?? [])
            for process in answer["Processes"]?.arrayValue ?? [] { text += line(process) }
            try Output.write(TabWriter(minimumWidth: 20).format(text))
            return 0
        }
    }

    static func port() -> Command {
        Command(
            usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
            summary: "List port mappings or a specific mapping for the container", arity: .between(1, 2)
        ) { call in
            let container = try call.client.get(Lifecycle.path(call.arguments[0]) + "/json")
            let ports = container["NetworkSettings"]?["Ports"]?.objectValue ?? JSONObject()
            func lines(_ port: String) -> [String] {
                (ports[port]?.arrayValue ?? []).map { binding in
                    let address = binding["HostIp"]?.stringValue ?? ""
                    return (address.contains(byte: ":") ? "[\(address)]" : address) + ":"
                        + (binding["HostPort"]?.stringValue ?? "")
                }
            }
            if call.arguments.count == 2 {
                let asked = call.arguments[1]
                let found = lines(asked.contains(byte: "/") ? asked : asked + "/tcp")
                if found.isEmpty
                    || (ports[asked.contains(byte: "/") ? asked : asked + "/tcp"]?.arrayValue ?? []).isEmpty
                {
                    throw CommandError("Error: No public port '\(asked)' published for \(call.arguments[0])")
                }
                try Output.write(found.map { $0 + "\n" }.joined())
                return 0
            }
            let sorted = ports.keys.sorted { left, right in
                let (first, second) = (number(left), number(right))
                return first == second ? left < right : first < second
            }
            try Output.write(sorted.flatMap { port in lines(port).map { "\(port) -> \($0)\n" } }.joined())
            return 0
        }
    }

    private static func number(_ port: String) -> Int { Int(port.prefix(untilByte: "/")) ?? 0 }
}
