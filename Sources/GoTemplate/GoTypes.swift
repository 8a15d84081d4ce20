package import JSON

/// What JSON does not tell about the Go types that a document was written from. Each answer is about a member's name.
package protocol GoTypes {
    /// Null stands for an empty list.
    static func isList(_ name: String) -> Bool
    /// Null stands for an empty map.
    static func isMap(_ name: String) -> Bool
    /// A map of texts: a key that is not there is no error.
    static func isTextMap(_ name: String) -> Bool
    /// Left out of `object` because it was empty: what stands there in Go.
    static func zero(_ name: String, in object: JSONObject) -> JSON?
    /// The name in the document, where Go's differs.
    static func documentName(_ name: String) -> String?
}

/// Documents that were maps in Go.
package enum UntypedDocument: GoTypes {
    package static func isList(_ name: String) -> Bool { false }
    package static func isMap(_ name: String) -> Bool { false }
    package static func isTextMap(_ name: String) -> Bool { false }
    package static func zero(_ name: String, in object: JSONObject) -> JSON? { nil }
    package static func documentName(_ name: String) -> String? { nil }
}
