extension String {
    var trimmingTrailingSpace: String {
        var text = self[...]
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }

    /// Without white space at either end.
    var trimmed: String {
        String(trimmingTrailingSpace.drop { $0.isWhitespace })
    }
}

/// `text` filled with spaces to at least `width` characters.
func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
