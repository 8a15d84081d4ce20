import APIServer
import HTTP
import OCI
import Testing

@Suite struct ParameterTests {
    @Test func readsFiltersOldAndNew() throws {
        #expect(try FilterParameter.parse(nil) == [:])
        #expect(
            try FilterParameter.parse(#"{"label":["a=b","c"],"status":["running"]}"#) == [
                "label": ["a=b", "c"], "status": ["running"],
            ])
        #expect(try FilterParameter.parse(#"{"label":{"a=b":true,"c":false}}"#) == ["label": ["a=b"]])
        #expect(try FilterParameter.parse("{}") == [:])
    }

    @Test(arguments: ["x", "[]", #"{"label":"a"}"#, #"{"label":1}"#])
    func refusesOtherFilters(text: String) {
        let error = #expect(throws: APIError.self) { try FilterParameter.parse(text) }
        #expect(error?.status.code == 400)
    }

    @Test(
        arguments: [
            ("1", 1_000_000_000), ("1700000000.5", 1_700_000_000_500_000_000),
            ("1700000000.000000001", 1_700_000_000_000_000_001), ("12.1234567891", 12_123_456_789),
            ("-1.5", -1_500_000_000), ("9999999999999", .max), ("-9999999999999", .min),
            ("9223372036.9999999999", .max), ("-9223372036.999999999", .min), ("9223372036854775807.5", .max),
        ] as [(String, Int64)])
    func readsTimes(text: String, nanoseconds: Int64) throws {
        #expect(try TimeParameter.nanoseconds(text) == nanoseconds)
    }

    @Test func zeroAndNothingAreNoTime() throws {
        #expect(try TimeParameter.nanoseconds(nil) == nil)
        #expect(try TimeParameter.nanoseconds("0") == nil)
        #expect(try TimeParameter.nanoseconds("0.0") == nil)
    }

    @Test(arguments: ["", "x", "1.x", "2026-01-01", "99999999999999999999", "1e3", "--1", "1.-5"])
    func refusesOtherTimes(text: String) {
        #expect(throws: APIError.self) { try TimeParameter.nanoseconds(text) }
    }

    @Test func joinsNameAndTag() throws {
        #expect(try ImageName.reference("busybox", "1.36")?.familiar == "busybox:1.36")
        #expect(try ImageName.reference("busybox", nil)?.familiar == "busybox")
        let digest = "sha256:" + String(repeating: "a", count: 64)
        #expect(try ImageName.reference("busybox", digest)?.familiar == "busybox@" + digest)
        #expect(try ImageName.reference(nil, "1") == nil)
        #expect(throws: APIError.self) { try ImageName.reference("BAD", nil) }
    }

    /// In a process of its own: a trap would end the tests with it.
    @Test func survivesExtremeTimes() async {
        await #expect(processExitsWith: .success) {
            for text in ["9223372036854775807.9", "-9223372036854775808.9", "9223372036.9999999999", "-9223372037"] {
                _ = try TimeParameter.nanoseconds(text)
            }
        }
    }
}
