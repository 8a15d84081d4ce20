package import GRDB
internal import Glibc
internal import Linux

/// One step of the database schema. Its `name` is unique among all modules and, like its effect, never changes. Its version
/// number is its position in the list passed to ``StateDatabase``; new ones are appended.
package struct Migration: Sendable {
    package let name: String
    package let apply: @Sendable (Database) throws -> Void

    package init(_ name: String, apply: @escaping @Sendable (Database) throws -> Void) {
        self.name = name
        self.apply = apply
    }
}

/// The daemon's SQLite database: one connection, write-ahead log, a small cache.
///
/// `synchronous=NORMAL`: a committed transaction survives a crash of the daemon, and a power failure after the next checkpoint;
/// the file is never inconsistent. Synchronous calls block their thread while SQLite works, usually well under a millisecond; the
/// asynchronous ones do not.
package final class StateDatabase: Sendable {
    private let queue: DatabaseQueue
    /// Disk space reserved for the write-ahead log, so that deletions still work on a full disk.
    private static let reserve = 1 << 20

    /// Opens or creates the file and migrates it from any earlier release. A file written by a later release is refused.
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

    /// Refuses, because this release does not know the later tables and could write data that the later release cannot read.
    private static func refuseLaterRelease(_ applied: Set<String>, _ migrations: [Migration]) throws(LaterRelease) {
        let unknown = applied.subtracting(migrations.map(\.name))
        if !unknown.isEmpty { throw LaterRelease(version: applied.count) }
    }

    /// Allocates blocks for the start of the log, which SQLite overwrites after every checkpoint.
    private func reserveSpace(_ path: String) {
        guard let file = try? Descriptor.open(path, O_WRONLY | O_NOFOLLOW) else { return }
        // On a full disk the daemon runs without the reserve.
        try? file.reserve(Self.reserve)
    }

    package func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw Self.wrapped(error)
        }
    }

    /// Runs one transaction.
    @discardableResult
    package func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            do {
                return try queue.write(body)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
                // A checkpoint frees space in the log.
                try queue.writeWithoutTransaction { _ = try $0.checkpoint(.passive) }
                return try queue.write(body)
            }
        } catch {
            throw Self.wrapped(error)
        }
    }

    /// Runs one transaction on SQLite's own thread without blocking the caller's.
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
