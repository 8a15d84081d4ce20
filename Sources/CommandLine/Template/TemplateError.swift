/// A Go template that cannot be read, or cannot be applied to its data.
struct TemplateError: Error, Equatable {
    /// In Go's words, without the leading `template: `.
    var message: String
    /// Whether the text is at fault, not the data.
    var isSyntax: Bool
}
