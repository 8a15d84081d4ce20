internal import ByteText
internal import JSON
internal import NIOCore
internal import OCI

/// An image found by a search.
package struct SearchResult: Sendable, Equatable {
    package var name: String
    package var description = ""
    package var stars: Int64 = 0
    package var isOfficial = false
    package var isAutomated = false
}

extension RegistryClient {
    /// Searches by Docker Hub's v1 API. For a registry that offers only a catalog, filters the catalog by name.
    ///
    /// - Parameter term: `busybox`, or `registry:5000/busybox`.
    package func search(
        _ term: String, limit: Int, credentials: RegistryCredentials?
    ) async throws(RegistryError) -> [SearchResult] {
        var domain = "docker.io"
        var words = term
        if let slash = term.firstIndex(ofByte: "/") {
            let first = String(term[..<slash])
            if Reference.isRegistry(first) {
                domain = first
                words = String(term[term.utf8.index(after: slash)...])
            }
        }
        let isHub = Self.hubNames.contains(domain)
        if isHub, words.hasBytePrefix("library/") { words = String(words.dropFirst(bytes: 8)) }
        let found = await endpoint(domain)
        let place = RegistryEndpoint(
            authority: isHub ? "index.docker.io" : found.authority, schemes: found.schemes,
            isInsecure: found.isInsecure, isMirror: false)
        let session = RegistrySession(client: self, endpoint: place, path: "", credentials: credentials) { _ in }
        do throws(RegistryError) {
            return try await session.searchIndex(words, limit: limit)
        } catch {
            guard !isHub, case .refused(let status, _, _) = error, status == 404 || status == 405 else { throw error }
            return try await session.searchCatalog(words, limit: limit)
        }
    }
}

extension RegistrySession {
    fileprivate func searchIndex(_ words: String, limit: Int) async throws(RegistryError) -> [SearchResult] {
        let target = "/v1/search?q=\(Address.escaped(words))&n=\(limit)"
        let answer = try await perform(Request(address: try await address(target), scopes: []))
        guard let json = try? JSON.parse(try await answer.collect(limit: Self.documentLimit)),
            let rows = json["results"]?.arrayValue
        else { throw .invalid("registry \(authority) answers a search with something other than a list") }
        return rows.compactMap { row in
            guard let name = row["name"]?.stringValue else { return nil }
            return SearchResult(
                name: name, description: row["description"]?.stringValue ?? "",
                stars: row["star_count"]?.intValue ?? 0, isOfficial: row["is_official"]?.boolValue ?? false,
                isAutomated: row["is_automated"]?.boolValue ?? false)
        }
    }

    fileprivate func searchCatalog(_ words: String, limit: Int) async throws(RegistryError) -> [SearchResult] {
        var found: [SearchResult] = []
        var next: Address? = try await address("/v2/_catalog?n=1000")
        for _ in 0..<100 {
            guard let page = next, found.count < limit else { break }
            let answer = try await perform(Request(address: page, scopes: ["registry:catalog:*"]))
            let json = try? JSON.parse(try await answer.collect(limit: Self.documentLimit))
            let names = (json?["repositories"]?.arrayValue ?? []).compactMap(\.stringValue)
            found += names.filter { words.isEmpty || $0.contains(words) }.map { SearchResult(name: $0) }
            next = answer.header("Link").flatMap { Self.next($0, page) }
        }
        return Array(found.prefix(limit))
    }
}
