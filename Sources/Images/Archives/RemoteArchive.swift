internal import ByteText
internal import Registry

/// The body of an address on the web, as it arrives.
package struct RemoteArchive: AsyncSequence, Sendable {
    package typealias Element = [UInt8]

    package let address: String
    private let registry: RegistryClient

    /// `text` without a scheme means http, as Docker has it.
    package init(_ text: String, for images: ImageService) {
        address = text.contains(bytes: "://") ? text : "http://" + text
        registry = images.registry
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        private let address: String
        private let registry: RegistryClient
        private var body: ArchivePieces?

        init(_ address: String, _ registry: RegistryClient) {
            self.address = address
            self.registry = registry
        }

        package mutating func next() async throws(ImageError) -> [UInt8]? {
            do throws(RegistryError) {
                if body == nil { body = try await registry.archive(at: address) }
                return try await body?.next()
            } catch {
                throw .unreachable(body == nil ? "cannot get \(address): \(error)" : "\(address) broke off: \(error)")
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(address, registry) }
}
