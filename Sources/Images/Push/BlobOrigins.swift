internal import ByteText
internal import GRDB
internal import Layers
internal import OCI
internal import Store

/// Where blobs are known to be: a registry can then take them from there instead of from us.
extension ImageService {
    static let originMigration = Migration("images-origins") { database in
        try database.execute(
            sql: """
                CREATE TABLE blobOrigin (
                    digest TEXT NOT NULL, domain TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (digest, domain, path)
                ) WITHOUT ROWID;
                CREATE TABLE packedLayer (
                    blob TEXT PRIMARY KEY NOT NULL, packed TEXT NOT NULL, size INTEGER NOT NULL
                ) WITHOUT ROWID;
                """)
    }

    /// Notes that a repository has these blobs.
    func rememberOrigin(of digests: [Digest], _ repository: Reference) {
        // Without it a push only takes longer.
        _ = try? database.write { database in
            for digest in digests {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO blobOrigin (digest, domain, path) VALUES (?, ?, ?)",
                    arguments: [digest.description, repository.domain, repository.path])
            }
        }
    }

    /// The repositories of the same registry that were seen with the blob; a few are enough.
    func origins(of digest: Digest, near repository: Reference) -> [String] {
        let rows = try? database.read { database in
            try String.fetchAll(
                database,
                sql: "SELECT path FROM blobOrigin WHERE digest = ? AND domain = ? AND path <> ? LIMIT 3",
                arguments: [digest.description, repository.domain, repository.path])
        }
        return rows ?? []
    }

    /// As what a blob that is kept unpacked was pushed before.
    func packedForm(of blob: Digest) -> ContentDescriptor? {
        let row = try? database.read { database in
            try Row.fetchOne(
                database, sql: "SELECT packed, size FROM packedLayer WHERE blob = ?", arguments: [blob.description])
        }
        guard let row = row ?? nil, let digest = try? Digest(row["packed"] as String) else { return nil }
        return ContentDescriptor(mediaType: MediaType.layerGzip, digest: digest, size: row["size"])
    }

    func rememberPackedForm(_ packed: ContentDescriptor, of blob: Digest) {
        _ = try? database.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO packedLayer (blob, packed, size) VALUES (?, ?, ?)",
                arguments: [blob.description, packed.digest.description, packed.size])
        }
    }

    /// Forgets what was known of blobs that are gone.
    func sweepOrigins(keeping kept: Set<Digest>) {
        _ = try? database.write { database in
            for table in ["blobOrigin.digest", "packedLayer.blob"] {
                let parts = table.split(byte: ".")
                for digest in try String.fetchAll(database, sql: "SELECT DISTINCT \(parts[1]) FROM \(parts[0])")
                where !((try? Digest(digest)).map(kept.contains) ?? false) {
                    try database.execute(sql: "DELETE FROM \(parts[0]) WHERE \(parts[1]) = ?", arguments: [digest])
                }
            }
        }
    }
}
