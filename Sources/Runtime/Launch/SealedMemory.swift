internal import CLinux
internal import Glibc
package import Linux

/// Passes data of any size with a message, as a sealed memfd that cannot change any more.
package enum SealedMemory {
    private static let limit = 64 << 20

    /// A sealed memfd with these bytes.
    package static func make(_ bytes: [UInt8], name: String) throws(SystemError) -> Descriptor {
        let memory = Descriptor(owning: Int32(try checking("memfd_create", name) { Int(linux_memfd(name)) }))
        try memory.writeEverything(bytes)
        let number = memory.raw
        try checking("fcntl", name) { Int(linux_seal(number)) }
        return memory
    }

    /// Reads a sealed memfd. Refuses one that could still change.
    package static func read(_ memory: borrowing Descriptor) throws(SystemError) -> [UInt8] {
        let number = memory.raw
        let seals = try checking("fcntl") { Int(linux_seals(number)) }
        // F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
        guard seals & 0xe == 0xe else { throw SystemError("read", "spec", code: EPERM) }
        var status = stat()
        try retrying("fstat") { fstat(number, &status) }
        guard status.st_size <= limit else { throw SystemError("read", "spec", code: EFBIG) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(number, buffer.baseAddress.map { $0 + offset }, buffer.count - offset, off_t(offset))
            }
            if count > 0 { offset += count } else if count == 0 || errno != EINTR { break }
        }
        return bytes
    }
}

extension Descriptor {
    borrowing func writeEverything(_ bytes: [UInt8]) throws(SystemError) {
        var offset = 0
        while offset < bytes.count {
            let number = raw
            let count = bytes.withUnsafeBytes { write(number, $0.baseAddress.map { $0 + offset }, $0.count - offset) }
            if count > 0 { offset += count } else if errno != EINTR { throw SystemError("write", code: errno) }
        }
    }
}
