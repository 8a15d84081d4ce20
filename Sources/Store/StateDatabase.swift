package import GRDB
internal import Glibc
internal import Linux

/// One step of the schema: `name` is unique in the whole product and never changes, nor does what it does. Its number is its place in
/// the list that ``StateDatabase`` is opened with, where new ones go to the end.
package struct Migration: Sendable {
    package let name: String
    package let apply: @Sendable (Database) throws -> Void

    package init(_ name: String, apply: @escaping @Sendable (Database) throws -> Void) {
        self.name = name
        self.apply = apply
    }
}

/// The one SQLite database of the daemon: one connection, write-ahead log, a small cache.
///
/// `synchronous=NORMAL`: a transaction survives the daemon at once and a power failure after the next checkpoint; the
/// file is never inconsistent. Calls block their thread for as long as SQLite works, usually well under a millisecond;
/// the asynchronous forms do not.
package final class StateDatabase: Sendable {
    private let queue: DatabaseQueue
    /// Kept for the log of changes, so that things can be removed when the disk is full.
    private static let reserve = 1 << 20

    /// Opens or makes the file and brings it up to date: from whatever earlier release. One of a later release is refused.
    package init(path: String, migrations: [Migration]) throws(StoreError) {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
            try database.execute(sql: "PRAGMA cache_size = -512")
            try database.execute(sql: "PRAGMA journal_size_limit = 1048576")
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            var migrator = DatabaseMigrator()
            for migration in migrations { migrator.registerMigration(migration.name, migrate: migration.apply) }
            try Self.refuseLaterRelease(try queue.read(migrator.appliedIdentifiers), migrations)
            try migrator.migrate(queue)
            chmod(path, 0o600)
        } catch let error as LaterRelease {
            throw .database(
                "\(path) was written by a later release of Gantry (schema \(error.version), this release has \(migrations.count)): "
                    + "start that release, or give this one another --data-root")
        } catch {
            throw .database("\(path): \(error)")
        }
        reserveSpace(path + "-wal")
    }

    private struct LaterRelease: Error {
        let version: Int
    }

    /// This release would read tables that are no longer what it knows, and write what the later one cannot read.
    private static func refuseLaterRelease(_ applied: Set<String>, _ migrations: [Migration]) throws(LaterRelease) {
        let unknown = applied.subtracting(migrations.map(\.name))
        if !unknown.isEmpty { throw LaterRelease(version: applied.count) }
    }

    /// Blocks for the first part of the log, which SQLite fills from its start after every checkpoint.
    private func reserveSpace(_ path: String) {
        guard let file = try? Descriptor.open(path, O_WRONLY | O_NOFOLLOW) else { return }
        // Without room there is no reserve.
        try? file.reserve(Self.reserve)
    }

    package func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw Self.wrapped(error)
        }
    }

    /// One transaction: all or nothing.
    @discardableResult
    package func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            do {
                return try queue.write(body)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
                // What has been checkpointed makes room in the log.
                try queue.writeWithoutTransaction { _ = try $0.checkpoint(.passive) }
                return try queue.write(body)
            }
        } catch {
            throw Self.wrapped(error)
        }
    }

    /// One transaction on SQLite's own thread; the caller's thread is free meanwhile.
    @discardableResult
    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await queue.write(body)
        } catch {
            throw Self.wrapped(error)
        }
    }

    private static func wrapped(_ error: any Error) -> StoreError {
        if let error = error as? StoreError { return error }
        if let error = error as? DatabaseError {
            if error.resultCode == .SQLITE_FULL {
                return .system(SystemError("write", "state database", code: ENOSPC))
            }
            return .database(error.message ?? "error \(error.resultCode.rawValue)")
        }
        return .database("\(error)")
    }
}
