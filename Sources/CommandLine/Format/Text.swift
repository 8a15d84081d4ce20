internal import ByteText

extension String {
    /// Without white space at either end.
    var trimmed: String {
        String(trimmingSpace)
    }
}

/// `text` filled with spaces to at least `width` characters.
func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
