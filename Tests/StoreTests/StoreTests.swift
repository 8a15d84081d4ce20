import Foundation
import GRDB
import OCI
import Store
import Testing

/// A temporary directory, removed with this object.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "gantry-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct BlobStoreTests {
    @Test func storesBlobThatMatchesDigest() throws {
        let scratch = try Scratch()
        let store = try BlobStore(root: scratch.path + "/blobs")
        let digest = try store.put(Array("hello".utf8))
        #expect(digest.description == "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
        #expect(try store.read(digest, limit: 100) == Array("hello".utf8))
        #expect(store.digests() == [digest])
        #expect(store.size(digest) == 5)
        store.retire(digest)?.delete()
        store.retire(digest)?.delete()
        #expect(!store.contains(digest))
    }

    @Test func doesNotPublishMismatch() throws {
        let scratch = try Scratch()
        let store = try BlobStore(root: scratch.path + "/blobs")
        let expected = ContentHash.digest(of: Array("right".utf8))
        do {
            let writer = try store.ingest()
            try writer.write(Array("wrong".utf8))
            #expect(throws: StoreError.self) { try writer.finish(expected: expected) }
        }
        #expect(store.digests().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.root + "/ingest").isEmpty)
    }

    @Test func detectsDamageAndWrongSize() throws {
        let scratch = try Scratch()
        let store = try BlobStore(root: scratch.path + "/blobs")
        let digest = try store.put(Array("hello".utf8))
        #expect(throws: StoreError.self) { try store.read(digest, limit: 4) }
        try Data("hullo".utf8).write(to: URL(fileURLWithPath: store.path(digest)))
        #expect(throws: StoreError.self) { try store.read(digest, limit: 100) }
    }

    @Test func removesInterruptedBlobs() throws {
        let scratch = try Scratch()
        let root = scratch.path + "/blobs"
        _ = try BlobStore(root: root)
        try Data("half".utf8).write(to: URL(fileURLWithPath: root + "/ingest/1-1"))
        _ = try BlobStore(root: root)
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/ingest").isEmpty)
    }

    @Test func imageLayoutIsReadableByRootOnly() throws {
        let scratch = try Scratch()
        let root = scratch.path + "/blobs"
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
        _ = try BlobStore(root: root)
        let layout = try String(contentsOfFile: root + "/oci-layout", encoding: .utf8)
        #expect(layout == #"{"imageLayoutVersion":"1.0.0"}"#)
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(root) == 0o710)
        #expect(try mode(root + "/blobs/sha256") == 0o700)
    }
}

@Suite struct StateDatabaseTests {
    @Test func migratesAndKeepsData() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/state.db"
        let first = Migration("test-1") { try $0.execute(sql: "CREATE TABLE thing (name TEXT PRIMARY KEY)") }
        let second = Migration("test-2") { try $0.execute(sql: "ALTER TABLE thing ADD COLUMN size INTEGER") }
        do {
            let database = try StateDatabase(path: path, migrations: [first])
            try database.write { try $0.execute(sql: "INSERT INTO thing VALUES ('a')") }
        }
        let database = try StateDatabase(path: path, migrations: [first, second])
        #expect(throws: StoreError.self) {
            try database.write { database in
                try database.execute(sql: "INSERT INTO thing VALUES ('b', 1)")
                try database.execute(sql: "INSERT INTO thing VALUES ('b', 2)")
            }
        }
        let names = try database.read { try String.fetchAll($0, sql: "SELECT name FROM thing") }
        #expect(names == ["a"])
    }

    @Test func refusesDatabaseOfLaterRelease() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/state.db"
        let first = Migration("test-1") { try $0.execute(sql: "CREATE TABLE thing (name TEXT PRIMARY KEY)") }
        let second = Migration("test-2") { try $0.execute(sql: "ALTER TABLE thing ADD COLUMN size INTEGER") }
        let third = Migration("test-3") { try $0.execute(sql: "CREATE TABLE more (name TEXT PRIMARY KEY)") }
        _ = try StateDatabase(path: path, migrations: [first, third])
        let error = #expect(throws: StoreError.self) {
            try StateDatabase(path: path, migrations: [first, second])
        }
        #expect(
            error?.description
                == "state database: \(path) was written by a later release of Gantry (schema 2, this release "
                + "has 2): start that release, or give this one another --data-root")
        // The database is unchanged.
        let database = try StateDatabase(path: path, migrations: [first, third])
        let columns = try database.read { try $0.columns(in: "thing").map(\.name) }
        #expect(columns == ["name"])
    }
}
