internal import CLinux
internal import Glibc

/// Which processors a process runs on.
enum Processors {
    /// As many as the kernel can be built for.
    private static let length = 8192 / 8

    /// Calls `body` with the processors that this thread may use besides the one that it is on, as sched_setaffinity(2)
    /// wants them; nothing when there are none.
    static func withOthers<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        withUnsafeTemporaryAllocation(byteCount: length, alignment: 8) { mask in
            let count = linux_affinity_aside(mask.baseAddress, mask.count)
            return body(UnsafeRawBufferPointer(rebasing: mask[..<count]))
        }
    }

    /// Lets a process that was just cloned begin at once. Many kernels queue it behind its parent, which has more to do;
    /// where this one may not choose, it begins when it can. It has to hear from the caller before ``useAll()``: it may be
    /// the faster of the two.
    static func moveAside(_ pid: Int32) {
        withOthers { mask in
            if !mask.isEmpty { _ = linux_set_affinity(pid, mask.baseAddress, mask.count) }
        }
    }

    /// The calling process may use every processor that its cgroup has, also one that it joins later, as with crun 1.9 and
    /// runc 1.3.1: neither what ``moveAside(_:)`` chose nor what its caller was confined to is the container's. Since Linux
    /// 6.2 a cpuset does not widen what was asked for.
    static func useAll() {
        withUnsafeTemporaryAllocation(byteCount: length, alignment: 8) { mask in
            mask.initializeMemory(as: UInt8.self, repeating: 0xff)
            _ = linux_set_affinity(0, mask.baseAddress, mask.count)
        }
    }
}
