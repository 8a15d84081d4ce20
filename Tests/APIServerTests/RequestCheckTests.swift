import APIServer
import HTTP
import Testing

/// What is refused before anybody looks at what was asked for.
@Suite struct RequestCheckTests {
    private static let refusals: [(String, String)] = [
        ("", "malformed Content-Type header (): mime: no media type"),
        ("text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"),
        (
            "application/x-www-form-urlencoded",
            "unsupported Content-Type header (application/x-www-form-urlencoded): must be 'application/json'"
        ),
        (
            "application/json/x",
            "malformed Content-Type header (application/json/x): mime: unexpected content after media subtype"
        ),
        (
            "application json",
            "malformed Content-Type header (application json): mime: expected slash after first token"
        ),
        ("application/", "malformed Content-Type header (application/): mime: expected token after slash"),
        (
            "application/json; charset",
            "malformed Content-Type header (application/json; charset): mime: invalid media parameter"
        ),
        (
            "application/json; a=b; A=c",
            "malformed Content-Type header (application/json; a=b; A=c): mime: duplicate parameter name"
        ),
        ("application/jsonx", "unsupported Content-Type header (application/jsonx): must be 'application/json'"),
    ]

    /// In the words of Docker Engine 28 (httputils.CheckForJSON) and Go's mime package.
    @Test(arguments: refusals) func refusesOtherBodies(_ type: String, _ message: String) {
        let error = #expect(throws: APIError.self) { try ContentType.requireJSON(type) }
        #expect(error == APIError(.badRequest, message))
    }

    @Test(arguments: [
        "application/json", "Application/JSON", "application/json; charset=utf-8",
        " application/json ;charset=\"utf-8\"",
        "application/json;",
    ])
    func takesDocuments(_ type: String) throws { try ContentType.requireJSON(type) }

    private static let pages: [HTTPHeaders] = [
        ["Host": "localhost:2375", "Origin": "http://evil.example"], ["Host": "127.0.0.1", "Origin": "null"],
        ["Host": "localhost", "Sec-Fetch-Site": "cross-site"], ["Host": "localhost", "Sec-Fetch-Site": "same-origin"],
        // A name of the page's own that points here (DNS rebinding): no origin is named, but browsers ask for languages.
        ["Host": "evil.example:2375", "Accept-Language": "en"],
        ["Host": "127.0.0.1.evil.example", "Accept-Language": ""],
    ]

    @Test(arguments: pages.indices) func refusesWebPages(_ index: Int) {
        let headers = Self.pages[index]
        #expect(WebPageRequests.refusal(headers, isLocal: false, names: ["build.example"])?.status == .forbidden)
        #expect(
            WebPageRequests.refusal(headers, isLocal: true, names: []) == nil, "a unix socket is out of a page's reach")
    }

    private static let clients: [HTTPHeaders] = [
        ["Host": "localhost:2375"], ["Host": "build.example:2375", "Accept-Language": "en"], ["Host": "build.example"],
        ["Host": "10.0.0.1:2375", "Accept-Language": "en"], ["Host": "[::1]:2375", "Accept-Language": "en"], [:],
        ["Host": "other.example:2375", "Accept-Encoding": "gzip", "User-Agent": "Docker-Client/28.2.2 (linux)"],
        ["Host": "localhost:2375", "Sec-Fetch-Site": "none", "Accept-Language": "en"],
    ]

    @Test(arguments: clients.indices) func answersClients(_ index: Int) {
        #expect(WebPageRequests.refusal(Self.clients[index], isLocal: false, names: ["build.example"]) == nil)
    }
}
