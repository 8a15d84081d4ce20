internal import GRDB
internal import Glibc
internal import JSON
internal import Layers
internal import OCI
internal import Store
internal import Synchronization

/// What a transfer that was interrupted has brought stays for a day, across restarts of the daemon, so that the next
/// pull goes on from there.
extension ImageService {
    static let leaseMigration = Migration("images-leases") { database in
        try database.execute(
            sql: """
                CREATE TABLE lease (digest TEXT PRIMARY KEY NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
                """)
    }

    private static let leaseSeconds = 86400

    /// Protects blobs and layers until an image owns them.
    func lease(_ digests: [Digest]) throws(ImageError) {
        let expires = time(nil) + Self.leaseSeconds
        do {
            try database.write { database in
                for digest in digests {
                    try database.execute(
                        sql: "INSERT OR REPLACE INTO lease (digest, expires) VALUES (?, ?)",
                        arguments: [digest.description, expires])
                }
            }
        } catch {
            throw ImageError(error)
        }
    }

    func endLease(_ digests: [Digest]) {
        // What stays behind runs out by itself.
        _ = try? database.write { database in
            for digest in digests {
                try database.execute(sql: "DELETE FROM lease WHERE digest = ?", arguments: [digest.description])
            }
        }
    }

    /// What is protected now. Leases that have run out are taken away.
    func leased() throws(ImageError) -> Set<Digest> {
        let now = time(nil)
        do {
            let rows = try database.write { database in
                try database.execute(sql: "DELETE FROM lease WHERE expires < ?", arguments: [now])
                return try String.fetchAll(database, sql: "SELECT digest FROM lease")
            }
            // What is no digest protects nothing.
            return Set(rows.compactMap { try? Digest($0) })
        } catch {
            throw ImageError(error)
        }
    }

    /// Removes what interrupted transfers have left and nobody is fetching now. Returns how many bytes that freed.
    @discardableResult
    package func forgetInterruptedTransfers() -> Int64 {
        let all: Set<Digest>
        do throws(ImageError) {
            all = try leased()
        } catch {
            options.report("what interrupted transfers have left stays: \(error)")
            return 0
        }
        let leases = all.filter { digest in
            table.withLock { !$0.pins.has(layer: digest) && !$0.pins.has(blob: digest) }
        }
        endLease(Array(leases))
        let partials = leases.reduce(Int64(0)) { $0.saturatingAdd(blobs.removePartial($1)) }
        return partials.saturatingAdd(discard(Content(layers: Array(leases), blobs: Array(leases))).blobs)
    }

    /// Partial blobs that no lease protects.
    func sweepPartials(_ leased: Set<Digest>) {
        for digest in blobs.partials() where !leased.contains(digest) {
            if table.withLock({ !$0.pins.has(blob: digest) }) { blobs.removePartial(digest) }
        }
    }
}
