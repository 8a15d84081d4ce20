import OCI
import Testing

@Suite struct TimestampTextTests {
    @Test func readsLikeGo() {
        #expect(Timestamp(seconds: 0).description == "1970-01-01T00:00:00Z")
        #expect(
            Timestamp(seconds: 1_767_323_045, nanoseconds: 120_000_000).description == "2026-01-02T03:04:05.12Z")
        #expect(Timestamp(seconds: 951_782_400, nanoseconds: 1).description == "2000-02-29T00:00:00.000000001Z")
        #expect(Timestamp(seconds: -1, nanoseconds: 5_000_000).description == "1969-12-31T23:59:59.005Z")
        #expect(Timestamp.zero.description == "0001-01-01T00:00:00Z")
        #expect(Timestamp(seconds: .max).description == "9999-12-31T23:59:59Z")
    }

    @Test func hasAFractionOfTheLengthAskedFor() {
        let time = Timestamp(seconds: 951_782_400, nanoseconds: 1_020_304)
        #expect(time.text(nanoseconds: .six) == "2000-02-29T00:00:00.001020Z")
        #expect(time.text(nanoseconds: .nine) == "2000-02-29T00:00:00.001020304Z")
        #expect(Timestamp(seconds: 0).text(nanoseconds: .six) == "1970-01-01T00:00:00.000000Z")
    }
}
