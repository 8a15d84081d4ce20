internal import ByteText
internal import Glibc
internal import Linux

/// Finds the process that uses a host port.
enum PortHolder {
    /// `nginx (pid 812)`, or a general description when the process is not visible.
    static func describe(_ port: UInt16, _ transport: Transport) -> String {
        // The thread's namespace (/proc/thread-self), which may differ from the process's (/proc/net).
        let files = transport == .udp ? ["udp", "udp6"] : ["tcp", "tcp6"]
        let inodes = Set(
            files.flatMap { Self.inodes(of: port, in: "/proc/thread-self/net/\($0)", listeners: transport == .tcp) })
        if inodes.isEmpty { return "another process" }
        for pid in numbers(in: "/proc") where ownsOne(of: inodes, pid) {
            let name = String(decoding: read("/proc/\(pid)/comm"), as: UTF8.self).filter { $0 != "\n" }
            return name.hasBytePrefix("gantry-m") ? "another container" : "\(name) (pid \(pid))"
        }
        return "another process"
    }

    private static func read(_ path: String) -> [UInt8] {
        (try? Descriptor.open(path, O_RDONLY).readAll(limit: 16 << 20)) ?? []
    }

    /// The inodes of sockets bound to the port (proc_net_tcp: local address, state, inode).
    private static func inodes(of port: UInt16, in file: String, listeners: Bool) -> [String] {
        String(decoding: read(file), as: UTF8.self).split(byte: "\n").dropFirst().compactMap { line in
            let fields = line.split(byte: " ")
            guard fields.count > 9, let local = fields[1].split(byte: ":").last, UInt16(local, radix: 16) == port,
                !listeners || fields[3] == "0A"
            else { return nil }
            return String(fields[9])
        }
    }

    private static func numbers(in path: String) -> [Int32] { Directory.names(in: path).compactMap { Int32($0) } }

    private static func ownsOne(of inodes: Set<String>, _ pid: Int32) -> Bool {
        var buffer = [CChar](repeating: 0, count: 64)
        return numbers(in: "/proc/\(pid)/fd").contains { number in
            let count = readlink("/proc/\(pid)/fd/\(number)", &buffer, buffer.count)
            guard count > 9 else { return false }
            let target = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return target.hasBytePrefix("socket:[") && inodes.contains(String(target.dropFirst(bytes: 8).dropLast()))
        }
    }
}
