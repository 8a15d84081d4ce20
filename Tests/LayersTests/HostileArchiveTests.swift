import Foundation
import Layers
import Linux
import OCI
import Store
import Testing

/// Archives that try to escape the layer or fill the disk are refused or contained, and leave nothing behind.
@Suite(.enabled(if: isRoot, "placing owners and devices needs root"))
struct HostileArchiveTests {
    /// Creates a file and a directory beside the layers that must not change.
    private func canary(_ fixture: Fixture) throws -> String {
        let canary = fixture.root + "/canary"
        try shell("mkdir \(canary) && echo safe >\(canary)/file && chmod 600 \(canary)/file && chmod 700 \(canary)")
        return canary
    }

    private func expectUntouched(_ canary: String) throws {
        let seen = try shell("cd \(canary) && ls -A && cat file && stat -c '%a %h %u' file .")
        #expect(String(decoding: seen, as: UTF8.self) == "file\nsafe\n600 1 0\n700 2 0\n")
    }

    // CVE-2025-47290, CVE-2021-32760: a directory is replaced by a link, then entries are extracted below it.
    @Test(arguments: ["0", "1", "2", "3", "5", "6"])
    func entriesDoNotFollowReplacedDirectory(_ type: Character) throws {
        let fixture = try Fixture()
        let canary = try canary(fixture)
        var archive = TarArchive()
        archive.add("d/", "5", mode: 0o777)
        archive.add("d", "2", link: canary)
        archive.add("e", "2", link: "d")
        for name in ["d/new", "e/new", "d/file", "e/../canary/file"] {
            archive.add(name, type, mode: 0o4777, uid: 7, link: type == "1" ? "d/file" : "/etc/passwd", device: (1, 1))
        }
        _ = try? fixture.unpack(archive.finished)
        try expectUntouched(canary)
        for layer in fixture.layers.layers() { fixture.layers.retire(layer)?.delete() }
        #expect(try fixture.isClean)
    }

    @Test func modesOfLinksDoNotChangeTargets() throws {
        let fixture = try Fixture()
        let canary = try canary(fixture)
        var archive = TarArchive()
        archive.add("l", "2", mode: 0o777, uid: 9, link: canary + "/file", pax: [("SCHILY.xattr.user.x", [1])])
        archive.add("h", "1", mode: 0o777, uid: 9, link: "l")
        let path = try fixture.place(archive)
        #expect(try status(path + "/h").st_mode & S_IFMT == S_IFLNK)
        try expectUntouched(canary)
    }

    @Test(arguments: ["\u{1}", ".wh...", "d/.wh..", "..", "../", "./../x", "/..", "a/../../b"])
    func refusesNamesOutsideLayer(_ name: String) throws {
        let fixture = try Fixture()
        let canary = try canary(fixture)
        var archive = TarArchive()
        archive.add(name, content: [1])
        if name == "\u{1}" {
            // An unusual but harmless name is accepted.
            _ = try fixture.unpack(archive.finished)
        } else {
            #expect(throws: LayerError.self) { try fixture.unpack(archive.finished) }
            #expect(try fixture.isClean)
        }
        try expectUntouched(canary)
    }

    /// Names of 64 KiB, as one component and as many, and with a NUL inside: refused or truncated, no crash.
    @Test func refusesVeryLongNames() throws {
        for name in [String(repeating: "x", count: 1 << 16), String(repeating: "d/", count: 1 << 15)] {
            for key in ["path", "linkpath"] {
                let fixture = try Fixture()
                var archive = TarArchive()
                archive.add("short", key == "path" ? "0" : "2", pax: [(key, Array(name.utf8))])
                #expect(throws: LayerError.self) { try fixture.unpack(archive.finished) }
                #expect(try fixture.isClean)
            }
        }
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("short", content: [1], pax: [("path", Array("a\u{0}/../../../canary".utf8))])
        _ = try? fixture.unpack(archive.finished)
        #expect(!FileManager.default.fileExists(atPath: fixture.root + "/canary"))
    }

    @Test func keepsLongNamesOfEveryFormat() throws {
        let fixture = try Fixture()
        let name = "d/" + String(repeating: "n", count: 200) + "/" + String(repeating: "f", count: 250)
        let target = String(repeating: "t", count: 300)
        for format in ["gnu", "posix"] {
            let tree = fixture.root + "/" + format
            try shell("mkdir -p \(tree)/$(dirname \(name)) && cd \(tree) && echo x >\(name) && ln -s \(target) soft")
            let path = fixture.layers.path(
                try fixture.unpack(try shell("tar -C \(tree) --format=\(format) -cf - .")).layer)
            #expect(try status(path + "/" + name).st_size == 2)
            #expect(try shell("readlink \(path)/soft") == Array((target + "\n").utf8))
        }
    }

    // The text form of ACLs, as GNU tar writes it.
    @Test func keepsAccessControlLists() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add(
            "f", content: [1], mode: 0o640,
            pax: [
                (
                    "SCHILY.acl.access",
                    Array("user::rw-\nuser:someone:r--:1234\ngroup::r--\nmask::r--\nother::---\n".utf8)
                )
            ])
        let path = try fixture.place(archive)
        let value = try shell(
            "python3 -c 'import os,sys; print(os.getxattr(sys.argv[1], \"system.posix_acl_access\").hex())' \(path)/f")
        #expect(
            String(decoding: value, as: UTF8.self)
                == "0200000001000600ffffffff02000400d204000004000400ffffffff10000400ffffffff20000000ffffffff\n")
    }

    // A megabyte that expands to gigabytes.
    @Test(.timeLimit(.minutes(1)))
    func refusesDecompressionBombs() throws {
        let fixture = try Fixture()
        let header =
            "python3 -c 'import sys,tarfile; t=tarfile.TarInfo(\"zeros\"); t.size=1<<36; sys.stdout.buffer.write(t.tobuf())'"
        let bytes = try shell("{ \(header); head -c 8G /dev/zero; } | zstd -q -T2 -c")
        #expect(bytes.count < 2 << 20)
        do {
            _ = try fixture.unpack(bytes)
            Issue.record("unpacked")
        } catch {
            #expect("\(error)".contains("expands to more than"))
        }
        #expect(try fixture.isClean)
    }
}
