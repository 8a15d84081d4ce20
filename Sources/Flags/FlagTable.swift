/// The tables of help texts.
package enum FlagTable {
    /// A line for each flag that is shown: its names, what stands behind it, what it does.
    package static func text(_ flags: [Flag], syntax: FlagSyntax = .pflag) -> String {
        let shown = flags.filter { !$0.isHidden }
        switch syntax {
        case .pflag: return columns(shown.map { (pflagTitle($0), pflagSummary($0)) }, indent: 2, gap: 3)
        case .goFlag: return columns(shown.map { (goTitle($0), $0.summary) }, indent: 3, gap: 2)
        }
    }

    /// Rows in two columns. `gap` is what stands behind the longest cell of the first.
    package static func columns(_ rows: [(String, String)], indent: Int, gap: Int) -> String {
        let width = (rows.map { $0.0.count }.max() ?? 0) + gap
        let margin = String(repeating: " ", count: indent)
        return rows.map { margin + $0 + String(repeating: " ", count: width - $0.count) + $1 + "\n" }.joined()
    }

    /// `-m, --memory bytes`
    private static func pflagTitle(_ flag: Flag) -> String {
        (flag.short.map { "-\($0), " } ?? "    ") + "--\(flag.name)"
            + (flag.valueName.isEmpty ? "" : " \(flag.valueName)")
    }

    private static func pflagSummary(_ flag: Flag) -> String {
        if case .bool(true) = flag.kind { flag.summary + " (default true)" } else { flag.summary }
    }

    /// `--bundle value, -b value`
    private static func goTitle(_ flag: Flag) -> String {
        let value = flag.valueName.isEmpty ? "" : " \(flag.valueName)"
        return "--\(flag.name)\(value)" + (flag.short.map { ", -\($0)\(value)" } ?? "")
    }
}
