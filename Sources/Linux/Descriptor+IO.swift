internal import CLinux
internal import Glibc

extension Descriptor {
    /// read(2): up to `buffer.count` bytes; 0 at the end.
    package borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        while true {
            let count = Glibc.read(raw, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno != EINTR { throw SystemError("read", code: errno) }
        }
    }

    /// Everything from here to the end, refused with EFBIG beyond `limit` bytes.
    package borrowing func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        // Not an array: it would be zeroed, and most files are a fraction of it.
        let result = withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { chunk in
            Result<[UInt8], SystemError> { () throws(SystemError) in
                var bytes: [UInt8] = []
                while true {
                    let count = try read(into: chunk)
                    if count == 0 { return bytes }
                    if bytes.count + count > limit { throw SystemError("read", code: EFBIG) }
                    bytes += UnsafeRawBufferPointer(rebasing: chunk[..<count])
                }
            }
        }
        return try result.get()
    }

    /// write(2) until every byte is written.
    package borrowing func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var offset = 0
        while offset < bytes.count {
            let count = Glibc.write(raw, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
            if count >= 0 {
                offset += count
            } else if errno != EINTR {
                throw SystemError("write", code: errno)
            }
        }
    }

    /// Takes blocks of the disk for the first `size` bytes; what is in the file, and its size, stay.
    package borrowing func reserve(_ size: Int) throws(SystemError) {
        let number = raw
        try checking("fallocate") { linux_fs_reserve(number, size) }
    }

    /// Sends one message with descriptors (SCM_RIGHTS) over a local socket; `flags` as for sendmsg(2).
    package borrowing func send(
        _ bytes: UnsafeRawBufferPointer, descriptors: [Int32] = [], flags: Int32 = 0
    ) throws(SystemError) -> Int {
        let number = raw
        return try checking("sendmsg") {
            linux_send_message(number, bytes.baseAddress, bytes.count, descriptors, descriptors.count, flags)
        }
    }

    /// Receives one message; the descriptors that came with it are close-on-exec and the caller's to close.
    package borrowing func receive(
        into buffer: UnsafeMutableRawBufferPointer, maximumDescriptors: Int = 16, flags: Int32 = 0
    ) throws(SystemError) -> (count: Int, descriptors: [Int32]) {
        let number = raw
        var descriptors = [Int32](repeating: -1, count: maximumDescriptors)
        var arrived = maximumDescriptors
        let count = try checking("recvmsg") {
            arrived = maximumDescriptors
            return linux_receive_message(
                number, buffer.baseAddress, buffer.count, &descriptors, &arrived, flags)
        }
        return (count, Array(descriptors[..<arrived]))
    }
}

/// The two ends of a local socket.
package struct LocalSocketPair: ~Copyable {
    package var first: Descriptor
    package var second: Descriptor

    /// socketpair(2), close-on-exec. `type` is SOCK_SEQPACKET or SOCK_STREAM.
    package init(_ type: Int32) throws(SystemError) {
        var pair: [Int32] = [-1, -1]
        try retrying("socketpair") { socketpair(AF_UNIX, type | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) }
        first = Descriptor(owning: pair[0])
        second = Descriptor(owning: pair[1])
    }

    /// Gives the second end away and keeps the first.
    package consuming func keepFirst<Failure: Error>(
        giving second: (consuming Descriptor) throws(Failure) -> Void
    ) throws(Failure) -> Descriptor {
        let kept = self.first
        try second(self.second)
        return kept
    }

    /// The first end; the second is closed.
    package consuming func takeFirst() -> Descriptor { first }
}
