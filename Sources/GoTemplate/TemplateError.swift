/// A Go template that cannot be read, or cannot be applied to its data.
package struct TemplateError: Error, Equatable {
    /// In Go's words, without the leading `template: `.
    package var message: String
    /// Whether the text is at fault, not the data.
    package var isSyntax: Bool

    package init(message: String, isSyntax: Bool) {
        self.message = message
        self.isSyntax = isSyntax
    }
}
