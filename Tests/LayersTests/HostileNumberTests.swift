import Foundation
import Layers
import Linux
import OCI
import Store
import Testing

/// Numbers in archives that overflow a file, field or memory give an error or the nearest valid value, never a crash.
@Suite(.enabled(if: isRoot, "placing owners and devices needs root"))
struct HostileNumberTests {
    /// An archive whose first header has other bytes at `offset`, with a corrected checksum.
    private func archive(_ type: Character = "0", at offset: Int, _ bytes: [UInt8]) -> [UInt8] {
        var archive = TarArchive()
        archive.add("f", type, content: type == "0" ? [1] : [])
        var all = archive.finished
        all.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        all.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
        let sum = String(all[..<512].reduce(0) { $0 + Int($1) }, radix: 8)
        all.replaceSubrange(148..<154, with: Array((String(repeating: "0", count: 6 - sum.count) + sum).utf8))
        return all
    }

    private func archive(_ type: Character = "0", pax: [(String, String)], device: (Int, Int) = (0, 0)) -> [UInt8] {
        var archive = TarArchive()
        archive.add("f", type, content: [], device: device, pax: pax.map { ($0.0, Array($0.1.utf8)) })
        return archive.finished
    }

    // CVE-2024-40635: 2³² must not be truncated to 0.
    @Test(arguments: ["4294967296", "4294967295", "-1", "18446744073709551616", "9223372036854775807"])
    func refusesInvalidOwners(_ id: String) throws {
        for key in ["uid", "gid"] {
            let fixture = try Fixture()
            let error = #expect(throws: LayerError.self, "\(key)") { try fixture.unpack(archive(pax: [(key, id)])) }
            #expect("\(String(describing: error))".contains("out of range"))
            #expect(try fixture.isClean)
        }
    }

    @Test func keepsTheHighestOwner() throws {
        let fixture = try Fixture()
        let layer = try fixture.unpack(archive(pax: [("uid", "4294967294"), ("gid", "2147483648")])).layer
        let file = try status(fixture.layers.path(layer) + "/f")
        #expect(file.st_uid == 4_294_967_294 && file.st_gid == 2_147_483_648)
    }

    @Test func refusesInvalidDevices() throws {
        for (key, number) in [
            ("SCHILY.devmajor", "4096"), ("SCHILY.devminor", "1048576"), ("SCHILY.devmajor", "4294967297"),
        ] {
            for type: Character in ["3", "4"] {
                let fixture = try Fixture()
                #expect(throws: LayerError.self) {
                    try fixture.unpack(archive(type, pax: [(key, number)], device: (1, 3)))
                }
                #expect(try fixture.isClean)
            }
        }
    }

    @Test(arguments: [
        "-9223372036854775808.5", "-9223372036854775807.999999999", "9223372036854775807.999999999", "-0.5",
        "99999999999999999999", "-", ".",
    ])
    func takesAnyTime(_ time: String) throws {
        let fixture = try Fixture()
        for type: Character in ["0", "5", "2", "6"] { _ = try? fixture.unpack(archive(type, pax: [("mtime", time)])) }
        for layer in fixture.layers.layers() { fixture.layers.retire(layer)?.delete() }
        #expect(try fixture.isClean)
    }

    /// Sizes, owners, times and modes in base 256, of 2⁶³ and below 0.
    @Test(arguments: [100, 108, 116, 124, 136, 329, 337])
    func acceptsOrRefusesExtremeNumbers(_ offset: Int) throws {
        let width = offset == 124 || offset == 136 ? 12 : 8
        let numbers: [[UInt8]] = [
            [0x80] + [UInt8](repeating: 0xff, count: width - 1), [UInt8](repeating: 0xff, count: width),
            [0xff] + [UInt8](repeating: 0, count: width - 1), [0x80, 0x80] + [UInt8](repeating: 0, count: width - 2),
            [UInt8](repeating: 0x37, count: width), [UInt8](repeating: 0x20, count: width), Array("-1".utf8) + [0],
        ]
        for number in numbers {
            for type: Character in ["0", "3", "5"] {
                let fixture = try Fixture()
                if let layer = try? fixture.unpack(archive(type, at: offset, number)).layer {
                    fixture.layers.retire(layer)?.delete()
                }
                #expect(try fixture.isClean, "\(offset) \(number)")
            }
        }
    }

    /// Records of extended headers whose length is wrong.
    @Test(arguments: [
        "9999999999999999999 path=x\n", "-5 path=x\n", "0 path=x\n", "3 p\n", "11 path=x\n", " path=x\n", "9 path=x",
        "8 path\n",
    ])
    func takesAnyLengthOfARecord(_ record: String) throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("pax", "x", content: Array(record.utf8))
        archive.add("f", content: [1])
        if let layer = try? fixture.unpack(archive.finished).layer { fixture.layers.retire(layer)?.delete() }
        #expect(try fixture.isClean)
    }

    private static let largest = "9223372036854775807"

    @Test(arguments: [
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", largest)],
        [("GNU.sparse.size", largest), ("GNU.sparse.map", "0,1,9223372036854775806,1")],
        [("GNU.sparse.size", "-1"), ("GNU.sparse.map", "9223372036854775807,9223372036854775807")],
        [
            ("GNU.sparse.size", largest), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.offset", largest),
            ("GNU.sparse.numbytes", "1"),
        ],
        [("GNU.sparse.size", "4"), ("GNU.sparse.offset", "-4"), ("GNU.sparse.numbytes", "4")],
        [("size", largest)], [("size", "-1")], [("size", "-9223372036854775808")],
    ])
    func takesAnyMapOfHoles(_ records: [(String, String)]) throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add(
            "f", content: Array("1\n0\n4\n".utf8) + [UInt8](repeating: 0x30, count: 1018),
            pax: records.map { ($0.0, Array($0.1.utf8)) })
        if let layer = try? fixture.unpack(archive.finished).layer { fixture.layers.retire(layer)?.delete() }
        #expect(try fixture.isClean)
    }

    // Issue 11, line 6: two files of 2⁶³-1 bytes crashed unpacking, and their sum crashed every `system df`.
    @Test func layerSizeSaturates() throws {
        let root = NSTemporaryDirectory() + "gantry-large-" + UUID().uuidString
        try shell("mkdir \(root) && mount -t tmpfs none \(root)")
        defer { _ = try? shell("umount -l \(root); rmdir \(root)") }
        let layers = try LayerStore(root: root + "/layers")
        var archive = TarArchive()
        for name in ["a", "b"] {
            let records = [
                ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", name),
                ("GNU.sparse.realsize", Self.largest),
            ]
            let map = Array("1\n0\n4\n".utf8)
            archive.add(
                "x", content: map + [UInt8](repeating: 0, count: 512 - map.count) + Array("data".utf8),
                pax: records.map { ($0.0, Array($0.1.utf8)) })
        }
        let unpacked = try layers.unpack(MemorySource(archive.finished), expected: nil)
        #expect(unpacked.size == .max && layers.size(unpacked.layer) == .max)
        #expect(try status(layers.path(unpacked.layer) + "/b").st_size == .max)
    }

    /// libarchive keeps the sparse map in memory, 50 bytes for 4 bytes of archive.
    @Test func limitsSparseMaps() throws {
        let fixture = try Fixture()
        let count = 1_500_000
        var content = Array("\(count)\n".utf8)
        for _ in 0..<count { content += [0x30, 0x0a, 0x30, 0x0a] }
        content += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
        var archive = TarArchive()
        let records = [
            ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "f"),
            ("GNU.sparse.realsize", "4"),
        ]
        archive.add("x", content: content, pax: records.map { ($0.0, Array($0.1.utf8)) })
        let error = #expect(throws: LayerError.self) { try fixture.unpack(archive.finished) }
        #expect("\(String(describing: error))".contains("sparse map"), "\(String(describing: error))")
        #expect(try fixture.isClean)
        // Skipped data may be of any length, and a file may have many sparse segments.
        var long = TarArchive()
        long.add("hard", "1", content: [], link: "f")
        _ = try? fixture.unpack(long.finished)
        var large = TarArchive()
        large.add("f", content: [UInt8](repeating: 7, count: 9 << 20))
        large.add("g", content: [1])
        #expect(try fixture.unpack(large.finished).size == 9 << 20 + 1)
    }

    /// Times of directories are set at the end; until then the extractor remembers each path.
    @Test func limitsDirectoryPaths() throws {
        let fixture = try Fixture(in: "/dev/shm")
        let parent = String(repeating: String(repeating: "d", count: 250) + "/", count: 15)
        let source = GeneratedSource { number in
            if number == 40_000 { return nil }
            var archive = TarArchive()
            archive.add("x", "5", pax: [("path", Array("\(parent)\(number)/".utf8))])
            return archive.bytes
        }
        let error = #expect(throws: LayerError.self) { try fixture.layers.unpack(source, expected: nil) }
        #expect("\(String(describing: error))".contains("paths of its directories"), "\(String(describing: error))")
    }

    /// As many hard links to one file as the file system allows, and one more.
    @Test func manyHardLinksAreKeptOrRefused() throws {
        let fixture = try Fixture()
        let source = GeneratedSource { number in
            var archive = TarArchive()
            if number == 0 { archive.add("f", content: [1]) } else { archive.add("l\(number)", "1", link: "f") }
            return number == 66_000 ? nil : archive.bytes
        }
        do {
            let unpacked = try fixture.layers.unpack(source, expected: nil)
            #expect(unpacked.size == 1)
        } catch LayerError.system(let error) {
            #expect(error.code == EMLINK)
        }
    }
}

/// Returns the pieces that a function makes, until it returns nil.
final class GeneratedSource: ByteSource {
    private let make: (Int) -> [UInt8]?
    private var number = 0

    init(_ make: @escaping (Int) -> [UInt8]?) {
        self.make = make
    }

    func next() throws(LayerError) -> [UInt8]? {
        defer { number += 1 }
        return make(number)
    }
}
