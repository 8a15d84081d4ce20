/// The first message of each side on a connection. Nobody waits for it: what follows it is understood as far as it is known.
package struct Handshake: Equatable, Sendable {
    /// The version of the protocol that this program speaks. It grows with each release that adds a message or a field; 0 is
    /// what was spoken before there was a header (``VersionZero``).
    package static let version: UInt16 = 1
    /// The release of this program, for texts.
    package static let release = "0.1.0"
    /// The number of the monitor's socket when it is executed. Monitors of version 0 expect it on 3 and end without it: one that was
    /// installed with a daemon of another release fails its container's start instead of waiting for a launch that it passes over.
    package static let socket: Int32 = 4
    package static let own = Handshake(version: version, release: release)

    package var version: UInt16
    package var release: String

    package init(version: UInt16, release: String) {
        self.version = version
        self.release = release
    }

    private enum Tag: UInt16 { case version = 1, release }

    func encode(to writer: inout FieldWriter) {
        writer.put(Tag.version, version)
        writer.put(Tag.release, Message.clipped(release))
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(version: 0, release: "")
        var fields = fields
        while let field = try fields.next() {
            switch Tag(rawValue: field.tag) {
            case .version: version = try field.number()
            case .release: release = field.text
            case nil: try field.passOver()
            }
        }
    }
}
