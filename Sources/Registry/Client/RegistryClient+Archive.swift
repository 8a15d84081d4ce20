/// The body of a downloaded URL, piece by piece; see ``RegistryClient/archive(at:)``.
package struct ArchivePieces {
    private var pieces: Answer.Pieces

    fileprivate init(_ answer: Answer) {
        pieces = answer.pieces
    }

    /// Nil at the end.
    package mutating func next() async throws(RegistryError) -> [UInt8]? { try await pieces.next() }
}

extension RegistryClient {
    /// The limit of Go's client.
    private static let redirectsLimit = 10

    /// Downloads a URL that is not a registry's, with the proxies and certificates of registries.
    package func archive(at text: String) async throws(RegistryError) -> sending ArchivePieces {
        guard var address = Address(text) else { throw .invalid("not an address of http or https without a user") }
        for _ in 0...Self.redirectsLimit {
            let answer = try await send("GET", address, [])
            switch answer.status {
            case 200: return ArchivePieces(answer)
            case 301, 302, 303, 307, 308:
                await answer.discard()
                guard let next = answer.header("Location").flatMap(address.resolve) else {
                    throw .invalid("\(address.authority) redirects without a valid location")
                }
                address = next
            default:
                await answer.discard()
                throw .invalid("\(address.authority) answers with status \(answer.status)")
            }
        }
        throw .invalid("it redirects more than \(Self.redirectsLimit) times")
    }
}
