internal import CLinux
internal import Glibc

/// Which processors a process runs on.
enum Processors {
    /// As many as the kernel can be built for.
    private static let length = 8192 / 8

    /// The calling process may use every processor that its cgroup has, also one that it joins later, as with crun 1.9 and
    /// runc 1.3.1: what its caller was confined to is not the container's. Since Linux 6.2 a cpuset does not widen what was
    /// asked for.
    static func useAll() {
        withUnsafeTemporaryAllocation(byteCount: length, alignment: 8) { mask in
            mask.initializeMemory(as: UInt8.self, repeating: 0xff)
            _ = linux_set_affinity(0, mask.baseAddress, mask.count)
        }
    }
}
