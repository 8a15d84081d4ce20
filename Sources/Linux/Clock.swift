internal import Glibc

extension Duration {
    /// Whole ones.
    package var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}

/// CLOCK_MONOTONIC, which the kernel answers without a system call. Not ContinuousClock: that comes with the concurrency
/// runtime, which the static programs do without.
package func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
