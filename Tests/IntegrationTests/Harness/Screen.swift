/// What a terminal shows after the bytes of a program: lines, the cursor's ways up and down, and cleared lines.
struct Screen {
    private var lines: [[Character]] = [[]]
    private var row = 0
    private var column = 0

    init(_ text: String) {
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\n":
                row += 1
                while lines.count <= row { lines.append([]) }
            case "\r": column = 0
            case "\u{1b}":
                _ = rest.popFirst()
                let digits = rest.prefix { $0.properties.numericType != nil }
                rest = rest.dropFirst(digits.count)
                let count = Int(String(String.UnicodeScalarView(digits))) ?? 1
                switch rest.popFirst() {
                case "A": row = max(0, row - count)
                case "B": row = min(lines.count - 1, row + count)
                case "K": lines[row] = []
                default: break
                }
            default:
                while lines[row].count <= column { lines[row].append(" ") }
                lines[row][column] = Character(scalar)
                column += 1
            }
        }
    }

    /// Without the spaces at their ends.
    var text: [String] {
        lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    }
}
