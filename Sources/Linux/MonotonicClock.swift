internal import Glibc

extension Duration {
    /// Whole ones; as many as 64 bits can hold when there are more (292 years).
    package var nanoseconds: Int64 {
        let (whole, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isBeyond) = whole.addingReportingOverflow(components.attoseconds / 1_000_000_000)
        return overflow || isBeyond ? (components.seconds < 0 ? .min : .max) : sum
    }
}

/// CLOCK_MONOTONIC, which the kernel answers without a system call. Not ContinuousClock: that comes with the concurrency
/// runtime, which the static programs do without.
package func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
