internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

/// The body of an address on the web, as it arrives.
package struct RemoteArchive: AsyncSequence, Sendable {
    package typealias Element = [UInt8]

    package let address: String

    /// `text` without a scheme means http, as Docker has it.
    package init(_ text: String) {
        address = text.contains("://") ? text : "http://" + text
    }

    package final class AsyncIterator: AsyncIteratorProtocol {
        private let address: String
        private var body: HTTPClientResponse.Body.AsyncIterator?

        init(_ address: String) {
            self.address = address
        }

        package func next() async throws -> [UInt8]? {
            if body == nil {
                let request = HTTPClientRequest(url: address)
                let response: HTTPClientResponse
                do {
                    response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
                } catch {
                    throw ImageError.unreachable("cannot get \(address): \(error)")
                }
                guard response.status.code == 200 else {
                    throw ImageError.unreachable("cannot get \(address): it answers \(response.status)")
                }
                body = response.body.makeAsyncIterator()
            }
            do {
                return try await body?.next().map { [UInt8]($0.readableBytesView) }
            } catch {
                throw ImageError.unreachable("\(address) broke off: \(error)")
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(address) }
}
