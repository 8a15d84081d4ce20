internal import Glibc
internal import Layers
internal import Linux
internal import OCI
internal import Store

/// What the fuzzer calls: the first byte says who reads the rest.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start, count > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    switch start[0] % 3 {
    case 0: Target.shared.unpack(bytes, andBack: false)
    case 1: Target.shared.unpack(bytes, andBack: true)
    default: Target.shared.read(bytes)
    }
    return 0
}

/// Changes bytes as libFuzzer does, and mends the checksums of headers: without them nothing behind a header is ever read.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int {
    let changed = standardMutation(start, count, limit)
    // One in eight keeps its damage.
    if seed % 8 == 0 || changed < 513 { return changed }
    for block in stride(from: 1, to: changed - 511, by: 512)
    where start[block + 257] == 0x75 || (start[block + 148] >= 0x30 && start[block + 148] < 0x38) {
        let header = UnsafeMutableBufferPointer(start: start + block, count: 512)
        for index in 148..<156 { header[index] = 0x20 }
        var sum = header.reduce(0) { $0 + Int($1) }
        for index in stride(from: 153, through: 148, by: -1) {
            header[index] = 0x30 + UInt8(sum % 8)
            sum /= 8
        }
        header[154] = 0
    }
    return changed
}

@_silgen_name("LLVMFuzzerMutate")
private func standardMutation(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

/// A store in a directory of the fuzzer's, with something beside it that no archive may reach.
private final class Target: Sendable {
    static let shared = Target()
    private let root: String
    private let layers: LayerStore
    private let snapshots: Snapshots

    private init() {
        root = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        umask(0)
        mkdir(root + "/canary", 0o700)
        _ = try? Descriptor.open(root + "/canary/file", O_WRONLY | O_CREAT, mode: 0o600).writeAll(Array("safe".utf8))
        do {
            layers = try LayerStore(root: root + "/layers")
            snapshots = try Snapshots(root: root + "/containers", layers: layers, driver: .vfs)
        } catch {
            fatalError("\(error)")
        }
    }

    /// As `pull`, `load` and `import` do; then as a container of `vfs` does, and `export`, whose archive must be readable again.
    func unpack(_ bytes: [UInt8], andBack: Bool) {
        do {
            let layer = try layers.unpack(MemorySource(bytes), expected: nil).layer
            if andBack { try packAgain(layer) }
            layers.retire(layer)?.delete()
        } catch {
            // Refused, as it should be.
        }
        check()
    }

    private func packAgain(_ layer: LayerID) throws {
        defer { try? snapshots.remove(id: "c") }
        try snapshots.prepare(id: "c", image: [layer])
        precondition(snapshots.size(id: "c") >= 0)
        _ = try snapshots.changes(id: "c")
        let archive = try snapshots.contents(id: "c")
        var copy: [UInt8] = []
        // A file may be nothing but a hole of any size.
        while copy.count < 1 << 22, let piece = try archive.next() { copy += piece }
        if copy.count >= 1 << 22 { return }
        do {
            let again = try layers.unpack(MemorySource(copy), expected: nil).layer
            if again != layer { layers.retire(again)?.delete() }
        } catch LayerError.system(let error) where [ENAMETOOLONG, EFBIG, ENOSPC, ENODEV].contains(error.code) {
            // A link may lead deeper than a path can say.
        } catch {
            fatalError("what was exported cannot be read: \(error)")
        }
    }

    /// As `load` reads the archive of images.
    func read(_ bytes: [UInt8]) {
        guard let reader = try? ArchiveReader(MemorySource(bytes)) else { return }
        var left = 1 << 22
        // A broken archive ends it.
        while left > 0, let entry = try? reader.next() {
            precondition(entry.name.utf8.count <= 3 * 4096)
            let content = reader.content
            while left > 0, let piece = try? content.next() { left -= piece.count }
        }
    }

    private func check() {
        var status = stat()
        guard stat(root + "/canary", &status) == 0, status.st_mode & 0o7777 == 0o700,
            lstat(root + "/canary/file", &status) == 0, status.st_mode == S_IFREG | 0o600, status.st_nlink == 1,
            status.st_size == 4, status.st_uid == 0, Directory.names(in: root + "/canary") == ["file"],
            Set(Directory.names(in: root)) == ["canary", "layers", "containers"]
        else { fatalError("an archive left its layer") }
    }
}
