/// Arithmetic and conversions for numbers that come from outside: requests, documents, headers, archives, a container's
/// files. Swift's own `+`, `*` and `Int(double)` trap on what does not fit, and a trap is the end of the daemon.
extension FixedWidthInteger {
    /// The sum, or the bound that it went beyond.
    @inlinable package func saturatingAdd(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the bound that it went beyond.
    @inlinable package func saturatingSubtract(_ other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    /// The product, or the bound that it went beyond.
    @inlinable package func saturatingMultiply(_ other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) != (other < 0) ? .min : .max) : product
    }

    /// `-self`, or the highest number where that does not fit (Int64.min has no positive counterpart).
    @inlinable package var saturatingNegation: Self { (0 as Self).saturatingSubtract(self) }

    /// A whole number that the type can hold; nil for fractions, infinities and what is out of range.
    @inlinable package init?(whole value: Double) { self.init(exactly: value) }

    /// `value` without its fraction, or the bound nearest to it; 0 for what is not a number.
    @inlinable package init(saturating value: Double) {
        if value.isNaN {
            self = 0
        } else if value >= Double(Self.max) {
            // Double(Int64.max) is 2⁶³ already, one more than fits.
            self = .max
        } else if value <= Double(Self.min) {
            self = .min
        } else {
            self = Self(value)
        }
    }

    /// A number in decimal digits and nothing else: no sign, no white space, at least one digit, in range.
    @inlinable package init?(digits text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        self.init(text, radix: 10)
    }
}

/// A number from outside whose sums and products stop at the type's bounds: for counters and totals, `total += size`.
package struct Saturating<Value: FixedWidthInteger & Sendable>: Sendable, Comparable {
    package var value: Value

    @inlinable package init(_ value: Value) { self.value = value }

    @inlinable package static func + (left: Self, right: Value) -> Self { Self(left.value.saturatingAdd(right)) }
    @inlinable package static func - (left: Self, right: Value) -> Self { Self(left.value.saturatingSubtract(right)) }
    @inlinable package static func * (left: Self, right: Value) -> Self { Self(left.value.saturatingMultiply(right)) }
    @inlinable package static func += (left: inout Self, right: Value) { left = left + right }
    @inlinable package static func -= (left: inout Self, right: Value) { left = left - right }
    @inlinable package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}
