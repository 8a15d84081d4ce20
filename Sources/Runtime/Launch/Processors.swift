internal import CLinux
internal import Glibc

/// CPU affinity of a process.
enum Processors {
    /// The kernel's maximum number of processors.
    private static let length = 8192 / 8

    /// Allows every processor of the process's cgroup, also of one that it joins later, as crun 1.9 and runc 1.3.1 do: the
    /// caller's affinity must not apply to the container. Since Linux 6.2 a cpuset does not widen the requested mask.
    static func useAll() {
        withUnsafeTemporaryAllocation(byteCount: length, alignment: 8) { mask in
            mask.initializeMemory(as: UInt8.self, repeating: 0xff)
            _ = linux_set_affinity(0, mask.baseAddress, mask.count)
        }
    }
}
