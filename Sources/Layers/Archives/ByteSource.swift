package import Linux

/// The bytes of an archive, read with blocking calls.
package protocol ByteSource: AnyObject {
    /// The next bytes, never empty; nil at the end.
    func next() throws(LayerError) -> [UInt8]?
    /// Called from another thread: makes a blocked ``next()`` return because the bytes are no longer needed.
    func stop()
}

extension ByteSource {
    package func stop() {}
}

/// Reads from a ``BytePipe``.
package final class PipeSource: ByteSource {
    private let pipe: BytePipe

    package init(_ pipe: BytePipe) {
        self.pipe = pipe
    }

    deinit { pipe.abandon() }

    package func next() throws(LayerError) -> [UInt8]? { try pipe.receive() }

    package func stop() { pipe.abandon() }
}

/// Reads an open file from its current offset.
package final class FileSource: ByteSource {
    private let file: Descriptor

    package init(_ file: consuming Descriptor) {
        self.file = file
    }

    package func next() throws(LayerError) -> [UInt8]? {
        var failure: SystemError?
        let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 17) { buffer, count in
            do throws(SystemError) {
                count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw .system(failure) }
        return chunk.isEmpty ? nil : chunk
    }
}

/// Reads bytes in memory.
package final class MemorySource: ByteSource {
    private var bytes: [UInt8]?

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes.isEmpty ? nil : bytes
    }

    package func next() throws(LayerError) -> [UInt8]? {
        defer { bytes = nil }
        return bytes
    }
}
