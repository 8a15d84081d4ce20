import JSON
import Testing

@Suite struct BoundedNumberTests {
    static let extremes: [Int64] = [.min, .min + 1, -1 << 32, -1, 0, 1, 1 << 31, 1 << 62, .max - 1, .max]

    /// Compares with arithmetic that is wide enough for every result.
    @Test(arguments: extremes) func stopsAtTheBounds(_ left: Int64) {
        for right in Self.extremes {
            let bounds = Int128(Int64.min)...Int128(Int64.max)
            func expected(_ result: Int128) -> Int64 { Int64(min(max(result, bounds.lowerBound), bounds.upperBound)) }
            #expect(left.saturatingAdd(right) == expected(Int128(left) + Int128(right)))
            #expect(left.saturatingSubtract(right) == expected(Int128(left) - Int128(right)))
            #expect(left.saturatingMultiply(right) == expected(Int128(left) * Int128(right)))
            #expect((Saturating(left) * right).value == left.saturatingMultiply(right))
        }
        #expect(left.saturatingNegation == (left == .min ? .max : -left))
    }

    @Test func unsignedNumbersStopAtZero() {
        #expect(UInt64(3).saturatingSubtract(4) == 0)
        #expect(UInt64.max.saturatingAdd(1) == .max)
        #expect(UInt16.max.saturatingMultiply(2) == .max)
        var total = Saturating<UInt8>(200)
        total += 100
        #expect(total.value == 255)
        total -= 255
        total -= 1
        #expect(total.value == 0)
    }

    @Test(arguments: [-.infinity, .nan, 0x1p63, -0x1p64, 1.5, .infinity, .leastNonzeroMagnitude])
    func refusesWhatIsNoWholeNumber(_ value: Double) {
        #expect(Int64(whole: value) == nil)
    }

    @Test func convertsToTheNearestBound() {
        #expect(Int64(saturating: 0x1p63) == .max)
        #expect(Int64(saturating: -0x1p63) == .min)
        #expect(Int64(saturating: -.infinity) == .min)
        #expect(Int64(saturating: .nan) == 0)
        #expect(Int64(saturating: 0x1.fffffffffffffp62) == 9_223_372_036_854_774_784)
        #expect(UInt16(saturating: 65535.5) == .max)
        #expect(UInt16(saturating: -1) == 0)
        #expect(Int32(saturating: -7.9) == -7)
        #expect(Int64(whole: -0.0) == 0)
        #expect(Int64(whole: 1e9) == 1_000_000_000)
    }

    @Test(arguments: ["", "+1", "-1", " 1", "1 ", "1_0", "0x1", "65536", "99999999999999999999999", "１"])
    func refusesWhatIsNotDigits(_ text: String) {
        #expect(UInt16(digits: text) == nil)
    }

    @Test func readsDigits() {
        #expect(UInt16(digits: "00065535") == 65535)
        #expect(Int64(digits: "9223372036854775807"[...]) == .max)
    }
}
