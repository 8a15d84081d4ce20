/// What a command takes, from which its words are read and its help is written.
struct Grammar {
    struct Flag {
        let names: [String]
        /// What `--help` calls the value; nil for a flag that stands alone.
        let value: String?
        let help: String
        let isShown: Bool

        /// Stands alone.
        static func toggle(_ names: String..., help: String = "", isShown: Bool = true) -> Flag {
            Flag(names: names, value: nil, help: help, isShown: isShown)
        }

        /// Takes the next word, or what stands behind `=`.
        static func valued(
            _ names: String..., value: String = "value", help: String = "", isShown: Bool = true
        ) -> Flag {
            Flag(names: names, value: value, help: help, isShown: isShown)
        }

        var title: String {
            names.map { ($0.utf8.count == 1 ? "-" : "--") + $0 + (value.map { " " + $0 } ?? "") }.joined(
                separator: ", ")
        }
    }

    var name: String
    var summary: String
    var usage: String
    var flags: [Flag]
    /// How many plain words.
    var arguments: ClosedRange<Int>
    /// Everything behind the first plain word belongs to somebody else: the program of `exec`, the options of ps.
    var endsAtFirstWord = false

    func flag(_ name: Substring) -> Flag? { flags.first { $0.names.contains { $0 == name } } }

    var help: String {
        var lines = ["NAME:", "   gantry-runtime \(name) - \(summary)", "", "USAGE:", "   gantry-runtime \(usage)"]
        lines += Self.list("OPTIONS:", flags.filter(\.isShown).map { ($0.title, $0.help) })
        return lines.joined(separator: "\n")
    }

    /// A heading and rows in two columns.
    static func list(_ heading: String, _ rows: [(String, String)]) -> [String] {
        let width = (rows.map { $0.0.utf8.count }.max() ?? 0) + 2
        return rows.isEmpty
            ? []
            : ["", heading] + rows.map { "   " + $0 + String(repeating: " ", count: width - $0.utf8.count) + $1 }
    }
}
