internal import GRDB
internal import JSON
package import Store

/// The containers' rows: a record each, written in one statement so that a killed daemon finds all of it or none.
package struct ContainerStore: Sendable {
    /// The table of this room, for ``Store/StateDatabase``.
    package static let migration = Migration("engine-1") { database in
        try database.execute(
            sql: """
                CREATE TABLE container (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) \
                WITHOUT ROWID
                """)
    }

    private let database: StateDatabase

    init(_ database: StateDatabase) {
        self.database = database
    }

    /// Records a container for the first time. A container that removes itself gives its name up before its row is gone:
    /// the row goes now.
    func add(_ record: ContainerRecord) throws(EngineError) { try save(record, takingName: true) }

    func save(_ record: ContainerRecord) throws(EngineError) { try save(record, takingName: false) }

    private func save(_ record: ContainerRecord, takingName: Bool) throws(EngineError) {
        do {
            let text = try JSONEncoding.json(record).text()
            try database.write { database in
                if takingName {
                    try database.cachedStatement(sql: "DELETE FROM container WHERE name = ? AND id <> ?")
                        .execute(arguments: [record.name, record.id])
                }
                try database.cachedStatement(
                    sql: """
                        INSERT INTO container (id, name, record) VALUES (?, ?, ?) \
                        ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record
                        """
                ).execute(arguments: [record.id, record.name, text])
            }
        } catch {
            throw .internalFailure("container \(record.shortID) cannot be recorded: \(error)")
        }
    }

    func delete(_ id: String) throws(EngineError) {
        do {
            try database.write { database in
                try database.cachedStatement(sql: "DELETE FROM container WHERE id = ?").execute(arguments: [id])
            }
        } catch {
            throw .internalFailure("container \(id.prefix(12)) cannot be forgotten: \(error)")
        }
    }

    func all() throws(EngineError) -> [ContainerRecord] {
        do {
            let rows = try database.read { database in
                try String.fetchAll(database, sql: "SELECT record FROM container")
            }
            return try rows.map { try JSONDecoding.decode(ContainerRecord.self, from: Array($0.utf8)) }
        } catch {
            throw .internalFailure("the containers cannot be read: \(error)")
        }
    }
}
