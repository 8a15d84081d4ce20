internal import Glibc
internal import Linux

/// Where an archive comes from: a file, or standard input.
enum ArchiveUpload {
    /// Sends the file `source` (`-` is standard input) as the body of a request.
    static func upload(
        _ source: String, to path: String, _ query: Client.Query, _ client: Client
    ) throws(CommandError) -> ClientConnection {
        let file: SharedDescriptor?
        do throws(SystemError) {
            file = source == "-" ? nil : SharedDescriptor(try Descriptor.open(source, O_RDONLY))
        } catch {
            throw CommandError("open \(source): \(error.reason)")
        }
        let number = file?.raw ?? 0
        return try client.upload(path, query: query) { () throws(CommandError) in
            let piece = try read(number, source)
            withExtendedLifetime(file) {}
            return piece
        }
    }

    private static func read(_ descriptor: Int32, _ name: String) throws(CommandError) -> [UInt8] {
        while true {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, filled in
                count = Glibc.read(descriptor, buffer.baseAddress, 1 << 18)
                filled = max(count, 0)
            }
            if count >= 0 { return bytes }
            if errno != EINTR { throw CommandError("\(SystemError("read", name, code: errno))") }
        }
    }
}
