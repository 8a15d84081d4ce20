import APIServer
import HTTP
import Testing

@Suite struct ProtocolVersionTests {
    @Test(arguments: [
        ("/v1.43/containers/json", "1.43", "/containers/json"), ("/v1.24/_ping", "1.24", "/_ping"),
        ("/info", "1.50", "/info"), ("/volumes", "1.50", "/volumes"), ("/version", "1.50", "/version"),
        ("/v1.99/info", "1.99", "/info"), ("/v1.50", "1.50", ""), ("/vx/info", "1.50", "/vx/info"),
        ("/v1.4.3/info", "1.50", "/v1.4.3/info"),
    ])
    func takesTheVersionOffThePath(path: String, version: String, rest: String) {
        let split = ProtocolVersion.split(path)
        #expect(split.version.description == version)
        #expect(split.rest == rest)
    }

    @Test func refusesWhatIsOutsideTheRangeInDockersWords() {
        let new = #expect(throws: APIError.self) { try ProtocolVersion(1, 99).check() }
        #expect(new?.status.code == 400)
        #expect(new?.message == "client version 1.99 is too new. Maximum supported API version is 1.50")
        let old = #expect(throws: APIError.self) { try ProtocolVersion(1, 23).check() }
        #expect(
            old?.message
                == "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client "
                + "to a newer version")
    }

    @Test(arguments: [24, 30, 43, 50])
    func takesWhatIsWithin(minor: Int) throws {
        try ProtocolVersion(1, minor).check()
    }

    @Test func comparesNumbersNotText() {
        #expect(ProtocolVersion(1, 9) < ProtocolVersion(1, 24))
        #expect(ProtocolVersion(1, 50) < ProtocolVersion(2, 0))
    }
}
