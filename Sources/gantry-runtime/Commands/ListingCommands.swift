internal import ByteText
internal import Cgroups
internal import Glibc
internal import JSON
internal import Runtime

/// The commands that only read state.
enum ListingCommands {
    static func state(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        print(record.document(context.root).text(indent: "  "))
        return 0
    }

    private static func isJSON(_ options: Options) throws(LaunchFailure) -> Bool {
        switch options.value("format") ?? "table" {
        case "table": return false
        case "json": return true
        case let other: throw LaunchFailure("invalid format option \(other): table or json")
        }
    }

    static func list(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let wantsJSON = try isJSON(options)
        let names = StateDirectory.names(context.root)
        let records = names.compactMap { try? StateRecord.load($0, context.root) }
        if options.has("quiet") {
            for record in records { print(record.id) }
            return 0
        }
        let rows = records.map { record in
            let status = record.status(context.root)
            return record.document(status, owner: owner(StateDirectory.path(record.id, context.root)))
        }
        if wantsJSON {
            print(rows.isEmpty ? "null" : JSON.array(rows).text())
            return 0
        }
        let table =
            [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
            + rows.map { row in
                ["id", "pid", "status", "bundle", "created", "owner"].map { key in
                    row[key]?.stringValue ?? String(row[key]?.intValue ?? 0)
                }
            }
        let widths = (0..<6).map { column in max(12, (table.map { $0[column].count }.max() ?? 0) + 3) }
        for row in table {
            print(
                row.enumerated().map { column, text in
                    column == 5 ? text : text + String(repeating: " ", count: widths[column] - text.count)
                }.joined())
        }
        return 0
    }

    /// The user name, or `#UID`. Not from getpwuid(3), because a static program has no name service.
    private static func owner(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return "" }
        let lines = ((try? Files.read("/etc/passwd")) ?? []).split(separator: 0x0a)
        for line in lines {
            let fields = line.split(separator: 0x3a, omittingEmptySubsequences: false)
            if fields.count > 2, String(decoding: fields[2], as: UTF8.self) == String(status.st_uid) {
                return String(decoding: fields[0], as: UTF8.self)
            }
        }
        return "#\(status.st_uid)"
    }

    /// With `--format json` the pids; otherwise the host's ps output, filtered to the container's processes.
    static func processes(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let wantsJSON = try isJSON(options)
        let record = try StateRecord.load(try options.identifier(), context.root)
        let pids = try record.limited().members()
        if wantsJSON {
            print(pids.isEmpty ? "null" : JSON.array(pids.map { JSON($0) }).text())
            return 0
        }
        let arguments = options.rest.count > 1 ? Array(options.rest.dropFirst()) : ["-ef"]
        let result = try HostProgram.capture("ps", arguments)
        let lines = result.output.split(byte: "\n")
        guard result.code == 0 else { throw LaunchFailure("ps ended with \(result.code)") }
        let fields = lines.first?.split(byte: " ") ?? []
        guard let column = fields.firstIndex(of: "PID") else {
            throw LaunchFailure("couldn't find PID field in ps output")
        }
        for (index, line) in lines.enumerated() {
            let fields = line.split(byte: " ")
            guard index > 0 else {
                print(line)
                continue
            }
            if fields.count > column, let pid = Int32(fields[column]), pids.contains(pid) { print(line) }
        }
        return 0
    }
}
