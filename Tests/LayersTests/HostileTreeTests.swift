import Foundation
import Layers
import Linux
import OCI
import Store
import Synchronization
import Testing

/// Trees built to break a tree walk: too deep, too wide, too large, or changing meanwhile.
@Suite(.serialized, .enabled(if: isRoot, "owners, mounts and attributes need root"))
struct HostileTreeTests {
    static let depth = 30_000

    /// Creates `count` nested directories `d`, each with a file of 7 bytes.
    static func nest(in path: String, _ count: Int = depth) throws {
        let work = """
            import os, sys
            os.chdir(sys.argv[1])
            for level in range(int(sys.argv[2])):
                with open('f', 'w') as file: file.write('content')
                os.mkdir('d'); os.chdir('d')
            """
        let script = path + ".py"
        try Data(work.utf8).write(to: URL(fileURLWithPath: script))
        try shell("python3 \(script) \(path) \(count)")
        unlink(script)
    }

    /// Runs `body` with a low limit of descriptors: enough for two walks and the test itself.
    private func withFewDescriptors(_ body: () throws -> Void) throws {
        var before = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before)
        var few = before
        few.rlim_cur = rlim_t(Directory.names(in: "/proc/self/fd").count + 100)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before) }
        try body()
    }

    // Issue 11, line 5: a walk used one descriptor per level, and a daemon that ran out of them did not start any more.
    @Test func countsAndRemovesDeepTree() throws {
        let fixture = try Fixture(in: "/dev/shm")
        try fixture.snapshots.prepare(id: "c", image: [])
        try Self.nest(in: fixture.snapshots.root + "/c/upper")
        try withFewDescriptors {
            #expect(fixture.snapshots.size(id: "c") == Int64(7 * Self.depth))
            try DirectoryTree.remove(fixture.snapshots.root + "/c/upper/d")
        }
        #expect(Directory.names(in: fixture.snapshots.root + "/c/upper") == ["f"])
    }

    /// Paths longer than PATH_MAX are refused instead of listed in gigabytes.
    @Test(arguments: ["diff", "commit", "export"])
    func refusesPathsLongerThanPathMax(_ what: String) throws {
        let fixture = try Fixture(in: "/dev/shm")
        try fixture.snapshots.prepare(id: "c", image: [])
        try Self.nest(in: fixture.snapshots.root + "/c/upper", 3000)
        try withFewDescriptors {
            let error = #expect(throws: LayerError.self) {
                switch what {
                case "diff": _ = try fixture.snapshots.changes(id: "c")
                case "commit": try drain(fixture.snapshots.difference(id: "c"))
                default: try drain(fixture.snapshots.contents(id: "c"))
                }
            }
            #expect(error?.code == ENAMETOOLONG, "\(String(describing: error))")
            #expect("\(String(describing: error))".contains("nested too deeply"))
            try fixture.snapshots.remove(id: "c")
        }
    }

    @Test func removesDeepContainer() async throws {
        let fixture = try Fixture(in: "/dev/shm")
        for id in ["now", "later"] {
            try fixture.snapshots.prepare(id: id, image: [])
            try Self.nest(in: fixture.snapshots.root + "/" + id + "/upper")
        }
        try withFewDescriptors { try fixture.snapshots.remove(id: "now") }
        await fixture.snapshots.waitForRemovals()
        #expect(Directory.names(in: fixture.snapshots.root) == ["later"])
        // A removal that an earlier daemon left unfinished.
        try shell("mv \(fixture.snapshots.root)/later \(fixture.snapshots.root)/.removing-later-0")
        let next = try Snapshots(root: fixture.snapshots.root, layers: fixture.layers)
        await next.waitForRemovals()
        #expect(Directory.names(in: fixture.snapshots.root) == [])
    }

    /// A layer is deeper than PATH_MAX when entry names lead through the layer's own links.
    @Test func copiesAndRemovesLayerDeeperThanPathMax() throws {
        let fixture = try Fixture()
        let part = String(repeating: "d/", count: 1000)
        var archive = TarArchive()
        archive.add("top", "5", pax: [("path", Array(part.utf8))])
        for (name, link) in [("one", part), ("two", "one/" + part), ("three", "two/" + part)] {
            archive.add(name, "2", link: "x", pax: [("linkpath", Array(link.utf8))])
            archive.add("f", content: [1], pax: [("path", Array("\(name)/\(part)f".utf8))])
        }
        let layer = try fixture.unpack(archive.finished).layer
        let copies = try Snapshots(root: fixture.root + "/copies", layers: fixture.layers, driver: .vfs)
        try withFewDescriptors {
            try copies.prepare(id: "c", image: [layer])
            #expect(DirectoryTree.size(copies.root + "/c/root") == 3)
            let error = #expect(throws: LayerError.self) { try copies.changes(id: "c") }
            #expect(error?.code == ENAMETOOLONG)
            try copies.remove(id: "c")
            fixture.layers.retire(layer)?.delete()
        }
    }

    /// Each first link held a descriptor of its directory.
    @Test func copiesAnyNumberOfHardLinks() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        for number in 0..<300 {
            archive.add("d\(number)/one", content: [1, 2])
            archive.add("e\(number)/two", "1", link: "d\(number)/one")
        }
        let layer = try fixture.unpack(archive.finished).layer
        let copies = try Snapshots(root: fixture.root + "/copies", layers: fixture.layers, driver: .vfs)
        try withFewDescriptors { try copies.prepare(id: "c", image: [layer]) }
        let root = copies.root + "/c/root"
        for number in 0..<300 {
            let (one, two) = (try status("\(root)/d\(number)/one"), try status("\(root)/e\(number)/two"))
            #expect(one.st_ino == two.st_ino && one.st_nlink == 2)
        }
        #expect(!Directory.names(in: root).contains { $0.hasPrefix(".links") })
        #expect(try copies.changes(id: "c").isEmpty)
    }

    @Test func copiesHardLinksOfLinks() throws {
        let fixture = try Fixture()
        var archive = TarArchive()
        archive.add("link", "2", link: "target")
        archive.add("link-again", "1", link: "link")
        let layer = try fixture.unpack(archive.finished).layer
        let copies = try Snapshots(root: fixture.root + "/copies", layers: fixture.layers, driver: .vfs)
        try copies.prepare(id: "c", image: [layer])
        let (one, two) = (try status(copies.root + "/c/root/link"), try status(copies.root + "/c/root/link-again"))
        #expect(one.st_ino == two.st_ino && one.st_mode & S_IFMT == S_IFLNK)
    }

    @Test func rereadsDirectoriesWithTooManyNames() throws {
        let fixture = try Fixture()
        let tree = fixture.root + "/tree"
        try shell("mkdir \(tree)")
        // Wide, deep and wide again, with names of 255 bytes.
        let work = """
            import os, sys
            os.chdir(sys.argv[1])
            for level in range(40):
                for number in range(60): open(('%03d' % number).ljust(255 if number % 2 else 5, 'x'), 'w')
                os.mkdir('030-'); os.chdir('030-')
            """
        try Data(work.utf8).write(to: URL(fileURLWithPath: fixture.root + "/work.py"))
        try shell("python3 \(fixture.root)/work.py \(tree)")
        let expected = String(
            decoding: try shell("cd \(tree) && find . -mindepth 1 -printf '%f\\n' | LC_ALL=C sort"), as: UTF8.self)
        let limits = [(1, 2048), (2, 1 << 20), (32, 1), (32, 1 << 20)]
        for (descriptors, names) in limits {
            let root = try Descriptor.open(tree, O_RDONLY | O_DIRECTORY)
            var walk = TreeWalk(root, descriptors: descriptors, namesLimit: names)
            var seen: [String] = []
            var previous: [[UInt8]] = [[]]
            while true {
                guard let name = try walk.next() else {
                    if walk.depth == 0 { break }
                    #expect(try walk.leave().dropLast() == Array("030-".utf8.map { CChar($0) })[...])
                    previous.removeLast()
                    continue
                }
                let bytes = name.dropLast().map { UInt8(bitPattern: $0) }
                try #require(previous[previous.count - 1].lexicographicallyPrecedes(bytes))
                previous[previous.count - 1] = bytes
                seen.append(String(decoding: bytes, as: UTF8.self))
                if bytes == Array("030-".utf8) {
                    try walk.enter(name)
                    previous.append([])
                }
            }
            #expect(
                seen.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }.joined(separator: "\n") + "\n"
                    == expected)
        }
    }

    /// A directory that is moved during the walk would lead outside through its `..`.
    @Test func endsWhenDirectoryIsMoved() throws {
        let fixture = try Fixture()
        let tree = fixture.root + "/tree"
        try shell("mkdir -p \(tree)/a/b/c/d/e \(fixture.root)/elsewhere && touch \(fixture.root)/elsewhere/canary")
        var walk = TreeWalk(try Descriptor.open(tree, O_RDONLY | O_DIRECTORY), descriptors: 2)
        for _ in 0..<5 { try walk.enter(try #require(try walk.next())) }
        try shell("mv \(tree)/a/b/c \(fixture.root)/elsewhere/")
        try walk.leave()
        try walk.leave()
        let error = #expect(throws: SystemError.self) { try walk.leave() }
        #expect(error?.code == ESTALE)
    }

    @Test func entersNoOtherMount() throws {
        let fixture = try Fixture()
        let tree = fixture.root + "/tree"
        try shell(
            "mkdir -p \(tree)/a/mounted \(tree)/b && mount -t tmpfs none \(tree)/a/mounted && echo safe >\(tree)/a/mounted/canary"
        )
        defer { _ = try? shell("umount -l \(tree)/a/mounted") }
        #expect(DirectoryTree.size(tree) == 0)
        #expect(throws: SystemError.self) { try DirectoryTree.remove(tree) }
        #expect(Directory.names(in: tree + "/a/mounted") == ["canary"])
        // Everything else has been removed.
        #expect(Directory.names(in: tree) == ["a"])
    }

    // Issue 11, line 5: a tree that cannot be removed stopped every start.
    @Test func opensDespiteUnremovableTree() async throws {
        let fixture = try Fixture()
        let root = fixture.snapshots.root
        try shell(
            "mkdir -p \(root)/.removing-x/upper/d && cd \(root)/.removing-x/upper && touch a d/stuck z && chattr +i d/stuck"
        )
        defer { _ = try? shell("chattr -f -i \(root)/.removing-x/upper/d/stuck; true") }
        let said = Mutex<[String]>([])
        let next = try Snapshots(root: root, layers: fixture.layers) { text in said.withLock { $0.append(text) } }
        await next.waitForRemovals()
        #expect(said.withLock { $0.count } == 1)
        #expect(
            said.withLock { $0.first?.contains("\(root)/.removing-x cannot be removed: remove stuck") } == true,
            "\(said.withLock { $0 })")
        #expect(Directory.names(in: root + "/.removing-x/upper") == ["d"])
        // The next removal tries again and does not report again.
        try next.prepare(id: "c", image: [])
        try Self.nest(in: root + "/c/upper", 2)
        try next.remove(id: "c")
        await next.waitForRemovals()
        #expect(said.withLock { $0.count } == 1)
        try shell("chattr -i \(root)/.removing-x/upper/d/stuck")
        try next.prepare(id: "c", image: [])
        try Self.nest(in: root + "/c/upper", 2)
        try next.remove(id: "c")
        await next.waitForRemovals()
        #expect(Directory.names(in: root) == [])
    }

    // Issue 11, line 6: the sum overflowed.
    @Test func sizeSaturates() throws {
        let fixture = try Fixture()
        try fixture.snapshots.prepare(id: "c", image: [])
        let upper = fixture.snapshots.root + "/c/upper"
        try shell("mount -t tmpfs none \(upper)")
        defer { _ = try? shell("umount -l \(upper)") }
        try shell("cd \(upper) && truncate -s 9223372036854775807 a b && echo end >c")
        #expect(fixture.snapshots.size(id: "c") == .max)
        let archive = try fixture.snapshots.difference(id: "c")
        try drain(archive)
        #expect(archive.size == .max)
        #expect(fixture.layers.hasRoom(for: archive) == false)
    }
}

func drain(_ archive: TreeArchive) throws {
    while try archive.next() != nil {}
}
