/// Lines of cells set in columns, by the rules of Go's text/tabwriter: a column is a run of lines that all have a cell
/// there which a tab ends; the last cell of a line belongs to no column.
package struct TabWriter {
    package var minimumWidth = 10
    var padding = 3

    package init(minimumWidth: Int = 10) {
        self.minimumWidth = minimumWidth
    }

    package func format(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        var output = ""
        var widths: [Int] = []
        write(lines[...], &widths, &output, isLast: true)
        return output
    }

    private func write(_ lines: ArraySlice<[String]>, _ widths: inout [Int], _ output: inout String, isLast: Bool) {
        let column = widths.count
        var index = lines.startIndex
        while index < lines.endIndex {
            if lines[index].count - 1 <= column {
                writeLine(lines[index], widths, &output)
                index += 1
                if index < lines.endIndex || !isLast { output += "\n" }
                continue
            }
            var end = index
            var width = minimumWidth
            while end < lines.endIndex, lines[end].count - 1 > column {
                width = max(width, lines[end][column].unicodeScalars.count + padding)
                end += 1
            }
            widths.append(width)
            write(lines[index..<end], &widths, &output, isLast: isLast && end == lines.endIndex)
            widths.removeLast()
            index = end
        }
    }

    private func writeLine(_ cells: [String], _ widths: [Int], _ output: inout String) {
        for (column, cell) in cells.enumerated() {
            output += cell
            if column < cells.count - 1, column < widths.count {
                output += String(repeating: " ", count: max(0, widths[column] - cell.unicodeScalars.count))
            }
        }
    }
}
