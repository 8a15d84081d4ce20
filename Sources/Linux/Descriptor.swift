package import Glibc

/// An owned file descriptor: closed when its owner goes out of scope, close-on-exec from birth.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, valid while the owner lives. Borrow it for one call; never store it.
    package let raw: Int32

    /// Takes over `raw`, which nobody else may close.
    package init(owning raw: Int32) {
        self.raw = raw
    }

    deinit {
        // Never retried: after EINTR the number is already free (close(2), Linux).
        _ = close(raw)
    }

    /// Gives the number away; the receiver closes it.
    package consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }

    /// A second owner of the same open file.
    package borrowing func duplicate() throws(SystemError) -> Descriptor {
        let number = raw
        return Descriptor(owning: try retrying("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }

    /// open(2) with O_CLOEXEC, relative to `directory` when given.
    package static func open(
        _ path: String, _ flags: Int32, mode: mode_t = 0, at directory: Int32 = AT_FDCWD
    ) throws(SystemError) -> Descriptor {
        Descriptor(owning: try retrying("open", path) { openat(directory, path, flags | O_CLOEXEC, mode) })
    }
}

/// A descriptor that several owners share; closed when the last one is gone.
package final class SharedDescriptor: Sendable {
    package let descriptor: Descriptor

    package init(_ descriptor: consuming Descriptor) {
        self.descriptor = descriptor
    }

    /// The number, valid while a reference to this object lives.
    package var raw: Int32 { descriptor.raw }
}
