internal import CLinux
internal import Glibc
internal import Linux

/// Builds one netlink request: header, fixed part, attributes (netlink(7)). A value longer than an attribute's 16-bit length
/// allows is refused, not truncated.
struct NetlinkMessage {
    /// More than any request of this module needs.
    static let limit = 16384

    private(set) var bytes: [UInt8] = []
    private(set) var overflowed = false

    init(_ type: Int, flags: Int32) {
        bytes.reserveCapacity(512)
        append(
            nlmsghdr(
                nlmsg_len: 0, nlmsg_type: UInt16(type), nlmsg_flags: UInt16(flags | NLM_F_REQUEST), nlmsg_seq: 0,
                nlmsg_pid: 0))
    }

    /// Appends a fixed part as it lies in memory: `ifinfomsg`, `ifaddrmsg`, `rtmsg`.
    mutating func append<Part: BitwiseCopyable>(_ part: Part) {
        withUnsafeBytes(of: part) { bytes.append(contentsOf: $0) }
        pad()
    }

    mutating func attribute(_ type: Int, _ value: some Collection<UInt8>) {
        begin(type, length: 4 + value.count)
        bytes.append(contentsOf: value)
        pad()
    }

    mutating func attribute(_ type: Int, _ value: UInt32) {
        attribute(type, withUnsafeBytes(of: value) { Array($0) })
    }

    mutating func attribute(_ type: Int, byte value: UInt8) {
        attribute(type, CollectionOfOne(value))
    }

    /// With the terminating NUL.
    mutating func attribute(_ type: Int, _ value: String) {
        attribute(type, Array(value.utf8) + [0])
    }

    mutating func nested(_ type: Int, _ body: (inout NetlinkMessage) -> Void) {
        let start = bytes.count
        begin(type, length: 4)
        body(&self)
        let length = bytes.count - start
        if length > Self.limit { overflowed = true }
        store(UInt16(truncatingIfNeeded: length), at: start)
    }

    mutating func add(flags: Int32) {
        let present = bytes[...].number(at: 6, as: UInt16.self) ?? 0
        store(present | UInt16(flags), at: 6)
    }

    /// The finished request with its sequence number.
    mutating func finish(sequence: UInt32) {
        if bytes.count > Self.limit { overflowed = true }
        store(UInt32(truncatingIfNeeded: bytes.count), at: 0)
        store(sequence, at: 8)
    }

    private mutating func begin(_ type: Int, length: Int) {
        if length > Self.limit { overflowed = true }
        withUnsafeBytes(of: UInt16(truncatingIfNeeded: length)) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt16(truncatingIfNeeded: type)) { bytes.append(contentsOf: $0) }
    }

    private mutating func pad() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: Value.self) }
    }
}
