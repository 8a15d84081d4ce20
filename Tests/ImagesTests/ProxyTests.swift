import Registry
import Testing

/// Which addresses go through a proxy: Go's rules (golang.org/x/net/http/httpproxy).
@Suite struct ProxyTests {
    private static let none =
        "plain.test, .domain.test,*.star.test,port.test:8080,10.1.0.0/16,192.0.2.7,192.0.2.8:81,fd00::/8,"

    @Test(arguments: [
        ("http://plain.test/", false), ("http://sub.plain.test/", false), ("http://notplain.test/", true),
        ("http://PLAIN.TEST:5000/", false), ("http://domain.test/", true), ("http://a.b.domain.test/", false),
        ("http://star.test/", true), ("http://x.star.test/", false), ("http://port.test:8080/", false),
        ("http://port.test/", true), ("http://10.1.200.3:5000/", false), ("http://10.2.0.1/", true),
        ("http://192.0.2.7:5000/", false), ("http://192.0.2.8:81/", false), ("http://192.0.2.8/", true),
        ("http://[fd00::1]:5000/", false), ("http://[2001:db8::1]/", true), ("http://localhost:5000/", false),
        ("http://127.8.8.8/", false), ("http://[::1]/", false), ("http://elsewhere.test/", true),
    ])
    func exclusions(_ text: String, _ isProxied: Bool) throws {
        let proxies = Proxies(http: "proxy.test:3128", none: Self.none)
        let address = try #require(Address(text))
        #expect((try proxies.proxy(for: address) != nil) == isProxied)
    }

    @Test func eachSchemeHasItsOwn() throws {
        let proxies = Proxies(http: "http://user:p%40ss@plain.test", https: "http://secure.test:8080/")
        #expect(try proxies.proxy(for: #require(Address("http://x.test/")))?.address == "http://plain.test:80")
        #expect(try proxies.proxy(for: #require(Address("https://x.test/")))?.address == "http://secure.test:8080")
        #expect(try Proxies(http: "p.test").proxy(for: #require(Address("https://x.test/"))) == nil)
        #expect(try Proxies(http: "p.test", none: "*").proxy(for: #require(Address("http://x.test/"))) == nil)
    }

    @Test func kindsThatAreNotSupportedAreRefused() throws {
        #expect(try ProxyAddress("SOCKS5://p.test").address == "socks5://p.test:1080")
        #expect(try ProxyAddress("socks5h://[fd00::1]:9050/").address == "socks5://[fd00::1]:9050")
        for (text, reason) in [
            (
                "https://bob:secret@p.test:3128",
                "proxy https://p.test:3128 is of a kind that is not supported: only http:// and socks5:// are"
            ),
            (
                "socks5://bob:secret@p.test",
                "proxy socks5://p.test wants a user and a password, which is not supported for SOCKS"
            ),
            ("http://:3128", "a proxy without a host: give it as http://HOST:PORT or socks5://HOST:PORT"),
        ] {
            #expect(throws: RegistryError.invalid(reason)) { try ProxyAddress(text) }
        }
        let proxies = Proxies(https: "https://p.test")
        #expect(throws: RegistryError.self) { try proxies.proxy(for: #require(Address("https://x.test/"))) }
    }
}
