import APIServer
import HTTP
import Testing

@Suite struct RouterTests {
    private let router = Router(
        [
            ("GET", "/images/json"), ("GET", "/images/{name...}/json"), ("DELETE", "/images/{name...}"),
            ("POST", "/images/{name...}/tag"), ("GET", "/containers/{id}/json"), ("GET", "/containers/json"),
            ("GET", "/networks"),
        ].map { method, template in Route(method, template) { _ in } })

    private func parameters(_ method: String, _ path: String) -> [String: String]? {
        router.find(method, path)?.parameters
    }

    @Test func findsNamesWithSlashes() {
        #expect(parameters("GET", "/images/json") == [:])
        #expect(parameters("GET", "/images/busybox/json") == ["name": "busybox"])
        #expect(parameters("GET", "/images/localhost:5000/a/b:1/json") == ["name": "localhost:5000/a/b:1"])
        #expect(parameters("DELETE", "/images/a/b") == ["name": "a/b"])
        #expect(parameters("POST", "/images/a/tag/tag") == ["name": "a/tag"])
        #expect(parameters("GET", "/images/json/json") == ["name": "json"])
    }

    @Test func anIdentifierIsOnePart() {
        #expect(parameters("GET", "/containers/abc/json") == ["id": "abc"])
        #expect(parameters("GET", "/containers/a/b/json") == nil)
        #expect(parameters("GET", "/containers/json") == [:])
    }

    @Test func aSlashAtTheEndMakesNoDifference() {
        #expect(parameters("GET", "/networks/") == [:])
    }

    @Test(arguments: [("POST", "/networks"), ("GET", "/nothing"), ("GET", "/"), ("GET", ""), ("GET", "/images")])
    func knowsNothingElse(method: String, path: String) {
        #expect(router.find(method, path) == nil)
    }
}
