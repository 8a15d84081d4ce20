/// Lines of cells set in columns, by the rules of Go's text/tabwriter: a column is a run of lines that all have a cell
/// there which a tab ends; the last cell of a line belongs to no column.
package struct TabWriter {
    package var minimumWidth = 10
    var padding = 3

    package init(minimumWidth: Int = 10) {
        self.minimumWidth = minimumWidth
    }

    package func format(_ text: String) -> String {
        var text = text
        return text.withUTF8 { bytes in
            let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
                line.split(separator: 0x09, omittingEmptySubsequences: false)
            }
            var output: [UInt8] = []
            output.reserveCapacity(bytes.count * 2)
            var widths: [Int] = []
            write(lines[...], &widths, &output, isLast: true)
            return String(decoding: output, as: UTF8.self)
        }
    }

    private typealias Cell = Slice<UnsafeBufferPointer<UInt8>>

    private func write(_ lines: ArraySlice<[Cell]>, _ widths: inout [Int], _ output: inout [UInt8], isLast: Bool) {
        let column = widths.count
        var index = lines.startIndex
        while index < lines.endIndex {
            if lines[index].count - 1 <= column {
                writeLine(lines[index], widths, &output)
                index += 1
                if index < lines.endIndex || !isLast { output.append(0x0A) }
                continue
            }
            var end = index
            var width = minimumWidth
            while end < lines.endIndex, lines[end].count - 1 > column {
                width = max(width, Self.width(lines[end][column]) + padding)
                end += 1
            }
            widths.append(width)
            write(lines[index..<end], &widths, &output, isLast: isLast && end == lines.endIndex)
            widths.removeLast()
            index = end
        }
    }

    private func writeLine(_ cells: [Cell], _ widths: [Int], _ output: inout [UInt8]) {
        for (column, cell) in cells.enumerated() {
            output.append(contentsOf: cell)
            if column < cells.count - 1, column < widths.count {
                output.append(contentsOf: repeatElement(0x20, count: max(0, widths[column] - Self.width(cell))))
            }
        }
    }

    /// In code points: bytes that do not go on with one.
    private static func width(_ cell: Cell) -> Int { cell.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) } }
}
