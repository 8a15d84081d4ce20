import Foundation
import Layers
import Linux
import OCI
import Store
import Testing

/// Writes layers and containers as archives and reads them again.
@Suite(.enabled(if: isRoot, "owners and devices need root"))
struct TreeArchiveTests {
    /// A directory with every kind of file and attribute that a layer can hold, created as a container could.
    private static let work = """
        mkdir -p d/deep "d/$(printf 'n%.0s' $(seq 120))"; echo one >d/file; ln d/file d/deep/again; ln -s ../x d/soft; mkfifo d/pipe
        mknod d/null c 1 3; mknod d/disk b 259 70000; echo q >"d/$(printf 'u\\303\\244')"; echo l >"d/$(printf 'l%.0s' $(seq 250))"
        chmod 6755 d/file; chown 3000000:2097152 d/pipe; touch -d '2001-02-03 04:05:06.123456789 UTC' d/deep/again
        touch -h -d '1960-01-01 00:00:00.5 UTC' d/soft; chmod 1777 d; truncate -s 5M d/holes; echo end >>d/holes
        python3 - <<'P'
        import os, struct
        os.setxattr('d/file', 'user.note', b'hello')
        os.setxattr('d/deep', 'user.note', bytes(range(256)))
        os.setxattr('d/holes', 'security.capability', struct.pack('<IIIII', 0x02000001, 1024, 0, 0, 0))
        acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in
            [(1, 6, 2**32-1), (2, 4, 1234), (4, 4, 2**32-1), (16, 4, 2**32-1), (32, 0, 2**32-1)])
        os.setxattr('d/disk', 'trusted.note', b'of this machine')
        os.setxattr('d/holes', 'system.posix_acl_access', acl)
        P
        touch -d @1111111111 d/deep
        """

    @Test func roundTripKeepsEverything() throws {
        let fixture = try Fixture()
        try fixture.snapshots.prepare(id: "c", image: [])
        let upper = fixture.snapshots.root + "/c/upper"
        try shell("cd \(upper)\n" + Self.work)
        let first = try collect(fixture.snapshots.difference(id: "c"))
        #expect(try collect(fixture.snapshots.difference(id: "c")) == first)
        let layer = try fixture.unpack(first).layer
        let describe = """
            import os, sys
            root = sys.argv[1]
            for base, names, files in os.walk(root):
                names.sort()
                for name in sorted(names + files):
                    path = os.path.join(base, name); s = os.lstat(path)
                    has = sorted((k, os.getxattr(path, k, follow_symlinks=False)) for k in os.listxattr(path, follow_symlinks=False)
                                 if not k.startswith('trusted.') and not (sys.argv[2:] and k.startswith('system.')))
                    print(ascii(path[len(root):]), oct(s.st_mode), s.st_uid, s.st_gid, s.st_nlink, s.st_rdev, s.st_mtime_ns,
                          s.st_size if not os.path.isdir(path) else 0, has, os.path.islink(path) and os.readlink(path))
            """
        try Data(describe.utf8).write(to: URL(fileURLWithPath: fixture.root + "/describe.py"))
        let before = String(decoding: try shell("python3 \(fixture.root)/describe.py \(upper)"), as: UTF8.self)
        let after = String(
            decoding: try shell("python3 \(fixture.root)/describe.py \(fixture.layers.path(layer))"), as: UTF8.self)
        #expect(before == after)
        #expect(before.contains("posix_acl_access") && before.contains("3000000 2097152"))
        #expect(try status(fixture.layers.path(layer) + "/d/holes").st_blocks < 100)
        // GNU tar and Python read the same content, and packing it again gives the same archive.
        try Data(first).write(to: URL(fileURLWithPath: fixture.root + "/layer.tar"))
        try shell(
            "mkdir \(fixture.root)/gnu && tar --xattrs --xattrs-include='*' -C \(fixture.root)/gnu -xf \(fixture.root)/layer.tar"
        )
        let other = String(
            decoding: try shell("python3 \(fixture.root)/describe.py \(fixture.root)/gnu -"), as: UTF8.self)
        let plain = String(
            decoding: try shell("python3 \(fixture.root)/describe.py \(upper) -"), as: UTF8.self)
        #expect(other == plain)
        try fixture.snapshots.prepare(id: "again", image: [])
        try shell("cp -a \(fixture.layers.path(layer))/. \(fixture.snapshots.root)/again/upper/")
        #expect(try collect(fixture.snapshots.difference(id: "again")) == first)
    }

    /// More bytes of holes than are written as zeros.
    @Test func writesLargeHolesSparse() throws {
        let fixture = try Fixture()
        try fixture.snapshots.prepare(id: "c", image: [])
        try shell("cd \(fixture.snapshots.root)/c/upper && echo a >f && truncate -s 20G f && echo z >>f")
        let bytes = try collect(fixture.snapshots.difference(id: "c"))
        #expect(bytes.count < 100_000)
        let path = fixture.layers.path(try fixture.unpack(bytes).layer)
        #expect(try status(path + "/f").st_size == 20 << 30 + 2)
        #expect(try shell("head -c2 \(path)/f; tail -c2 \(path)/f") == Array("a\nz\n".utf8))
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.root + "/t.tar"))
        #expect(
            try shell("tar tvf \(fixture.root)/t.tar | tr -s ' ' | cut -d' ' -f3,6") == Array("21474836482 f\n".utf8))
    }

    @Test(arguments: ["--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0", "--format=gnu"])
    func readsEverySparseFormat(_ form: String) throws {
        let fixture = try Fixture()
        try shell("cd \(fixture.root) && truncate -s 8M f && echo x | dd of=f bs=1 seek=4000000 conv=notrunc 2>&1")
        let format = form.hasPrefix("--format") ? form : "--format=posix " + form
        let bytes = try shell("tar -C \(fixture.root) -S \(format) -cf - f")
        #expect(bytes.count < 100_000)
        let path = fixture.layers.path(try fixture.unpack(bytes).layer)
        try shell("cmp \(fixture.root)/f \(path)/f")
        #expect(try status(path + "/f").st_blocks < 100)
    }

    @Test func whiteoutsRoundTrip() throws {
        let fixture = try Fixture()
        var below = TarArchive()
        for name in ["gone", "dir/old", "kept/a", "kept/b"] { below.add(name, content: [1]) }
        let layer = try fixture.unpack(below.finished).layer
        try fixture.snapshots.prepare(id: "c", image: [layer])
        do {
            let mount = try fixture.snapshots.mount(id: "c")
            try shell(
                "cd /proc/\(getpid())/fd/\(mount.raw)/. && rm gone kept/a && rm -r dir && mkdir dir && echo n >dir/new")
        }
        #expect(
            try fixture.snapshots.changes(id: "c").map { "\("CAD".dropFirst($0.kind.rawValue).prefix(1)) \($0.path)" }
                == [
                    "C /dir", "A /dir/new", "D /dir/old", "D /gone", "C /kept", "D /kept/a",
                ])
        let above = try fixture.unpack(try collect(fixture.snapshots.difference(id: "c"))).layer
        try fixture.snapshots.prepare(id: "d", image: [layer, above])
        #expect(try fixture.listing("d") == ["./dir", "./dir/new", "./kept", "./kept/b"])
    }

    private func collect(_ archive: TreeArchive) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try archive.next() { bytes += piece }
        return bytes
    }
}

/// The same container on every driver.
@Suite(.enabled(if: isRoot, "mounting needs root"))
struct DriverTests {
    @Test(arguments: StorageDriverName.allCases)
    func looksTheSameOnEveryDriver(_ driver: StorageDriverName) throws {
        let root = NSTemporaryDirectory() + "gantry-driver-" + UUID().uuidString
        try shell("mkdir \(root)")
        defer {
            if driver == .btrfs { _ = try? shell("umount -l \(root)") }
            try? FileManager.default.removeItem(atPath: root)
            unlink(root + ".img")
        }
        if driver == .btrfs {
            try shell("truncate -s 200M \(root).img && mkfs.btrfs -q \(root).img && mount -o loop \(root).img \(root)")
        }
        let layers = try LayerStore(root: root + "/layers")
        let snapshots = try Snapshots(root: root + "/containers", layers: layers, driver: driver)
        var below = TarArchive()
        for name in ["gone", "dir/old", "kept/a", "hidden/x"] { below.add(name, content: [1]) }
        below.add("one", content: [1, 2], mode: 0o4755)
        below.add("two", "1", link: "one")
        var above = TarArchive()
        above.add(".wh.gone")
        above.add("hidden/.wh..wh..opq")
        above.add("hidden/y", content: [1])
        let stack = [
            try layers.unpack(MemorySource(below.finished), expected: nil).layer,
            try layers.unpack(MemorySource(above.finished), expected: nil).layer,
        ]
        try snapshots.prepare(id: "c", image: stack)
        try snapshots.prepare(id: "d", image: stack)
        do {
            let mount = try snapshots.mount(id: "c")
            let list =
                "cd /proc/\(getpid())/fd/\(mount.raw)/. && find . -type f -o -type l | grep -Ev '^./(dev|etc|proc|sys)/' | sort"
            #expect(
                try String(decoding: shell(list), as: UTF8.self)
                    == "./.dockerenv\n./dir/old\n./hidden/y\n./kept/a\n./one\n./two\n")
            try shell(
                "cd /proc/\(getpid())/fd/\(mount.raw)/. && [ $(stat -c %h%a one) = 24755 ] && echo more >>kept/a && rm dir/old "
                    + "&& mkdir -p new/deep && echo n >new/deep/f && chmod 700 hidden")
        }
        let changes = try snapshots.changes(id: "c").map { "\("CAD".dropFirst($0.kind.rawValue).prefix(1)) \($0.path)" }
        #expect(
            changes == [
                "C /dir", "D /dir/old", "C /hidden", "C /kept", "C /kept/a", "A /new", "A /new/deep", "A /new/deep/f",
            ])
        #expect(try snapshots.changes(id: "d").isEmpty)
        let top = try layers.unpack(snapshots.difference(id: "c"), expected: nil).layer
        try snapshots.prepare(id: "e", image: stack + [top])
        let view = try snapshots.view(id: "e")
        let seen = try shell(
            "cd /proc/\(getpid())/fd/\(view.raw)/. && cat kept/a new/deep/f && ls dir && stat -c %a hidden")
        #expect(String(decoding: seen, as: UTF8.self) == "\u{1}more\nn\n700\n")
        #expect(snapshots.size(id: "d") == 0 && snapshots.size(id: "c") == 8)
        for id in ["c", "d", "e"] { try snapshots.remove(id: id) }
        for layer in layers.layers() { layers.retire(layer)?.delete() }
        snapshots.removeStaleStacks()
        let left = driver == .btrfs ? Directory.names(in: root + "/btrfs") : []
        // Only the base layer may be left.
        #expect(left.count <= 2, "\(left)")
        #expect(Directory.names(in: root + "/containers").isEmpty)
    }
}
