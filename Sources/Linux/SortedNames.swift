internal import CLinux
internal import Glibc

/// The names in a directory by their bytes, as many at once as a limit in bytes allows: the first of those that come after a
/// given name. A directory may have millions of entries, and may change between two looks.
struct SortedNames {
    /// Each name with its NUL.
    private var bytes: [UInt8] = []
    /// Where each name begins, in order.
    private var starts: [Int32] = []
    private var index = 0
    /// No name comes after these.
    private(set) var isComplete = false
    /// Of directories only, where the file system tells what its entries are.
    private let onlyDirectories: Bool
    /// Names up to this one have been seen; empty for none.
    private var last: [CChar] = []

    /// None read yet: after `last`, or all when it is empty.
    init(after last: [CChar] = [], onlyDirectories: Bool = false) {
        self.last = last
        self.onlyDirectories = onlyDirectories
    }

    /// What it holds in memory.
    var size: Int { bytes.count + starts.count * MemoryLayout<Int32>.size }

    /// The next name, for C; nil when none is held.
    mutating func next() -> [CChar]? {
        guard index < starts.count else { return nil }
        let name = name(index)
        index += 1
        if index == starts.count {
            // Nothing of a directory is kept while the last of its directories is walked.
            (bytes, starts, index) = ([], [], 0)
            if !isComplete { last = name }
        }
        return name
    }

    private func name(_ index: Int) -> [CChar] {
        bytes[Int(starts[index])...].prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
    }

    private static let chunk = 32768

    /// Reads names from `directory`, whose position moves, that take at most `limit` bytes.
    mutating func read(_ directory: Int32, limit: Int) throws(SystemError) {
        guard lseek(directory, 0, Int32(SEEK_SET)) == 0 else { throw SystemError("read", "directory", code: errno) }
        (bytes, starts, index, isComplete) = ([], [], 0, true)
        var bound: [CChar]?
        let after = last
        let result = withUnsafeTemporaryAllocation(byteCount: Self.chunk, alignment: 8) { records in
            Result<Void, SystemError> { () throws(SystemError) in
                while true {
                    let count = try checking("read", "directory") {
                        linux_fs_read_entries(directory, records.baseAddress, records.count)
                    }
                    if count == 0 { return }
                    // struct linux_dirent64 (getdents64(2)): two numbers of 8 bytes, the record's length, the kind, the name.
                    var offset = 0
                    while offset < count {
                        let length = Int(records.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
                        let kind = Int32(records[offset + 18])
                        if !onlyDirectories || kind == Int32(DT_DIR) || kind == Int32(DT_UNKNOWN),
                            let record = records.baseAddress
                        {
                            append(record.advanced(by: offset + 19), after, &bound)
                        }
                        offset += length
                    }
                    if bytes.count > 2 * limit { bound = shrink(to: limit) }
                }
            }
        }
        try result.get()
        if bytes.count > limit { _ = shrink(to: limit) } else { sort() }
    }

    private mutating func append(_ record: UnsafeRawPointer, _ after: [CChar], _ bound: inout [CChar]?) {
        let name = record.assumingMemoryBound(to: CChar.self)
        if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { return }
        if !after.isEmpty, strcmp(name, after) <= 0 { return }
        if let bound, strcmp(name, bound) > 0 {
            isComplete = false
            return
        }
        starts.append(Int32(truncatingIfNeeded: bytes.count))
        bytes += UnsafeRawBufferPointer(start: record, count: strlen(name) + 1)
    }

    private mutating func sort() {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
            starts.sort { strcmp(base + Int($0), base + Int($1)) < 0 }
        }
    }

    /// Keeps the first names that fit, and says which is the last of them.
    private mutating func shrink(to limit: Int) -> [CChar]? {
        sort()
        var kept: [UInt8] = []
        var places: [Int32] = []
        for start in starts {
            let name = bytes[Int(start)...].prefix { $0 != 0 }
            if !places.isEmpty, kept.count + name.count + 1 > limit { break }
            places.append(Int32(truncatingIfNeeded: kept.count))
            kept += name
            kept.append(0)
        }
        if places.count < starts.count { isComplete = false }
        (bytes, starts) = (kept, places)
        return starts.isEmpty ? nil : name(starts.count - 1)
    }

    /// Gives the memory back; `last` is where to go on.
    mutating func forget(after last: [CChar]) {
        self = SortedNames(after: last, onlyDirectories: onlyDirectories)
    }
}
