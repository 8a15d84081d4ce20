internal import GRDB
internal import Layers
internal import OCI
internal import Store

/// A change of the table of images that is made in the database as a whole, and then in memory.
struct ImageTransaction {
    /// As it will be.
    private(set) var table: ImageTable
    private var statements: [(sql: String, arguments: StatementArguments)] = []
    /// What images and forms that went have needed.
    private(set) var dropped = Content()
    /// Images that lost a name.
    private var touched: Set<ImageID> = []

    init(_ table: ImageTable) {
        self.table = table
    }

    /// An image, or, when it is there, the form it comes in now.
    mutating func add(_ image: ImageRecord) {
        guard let known = table.images[image.id] else {
            table.add(image)
            write(
                "INSERT INTO image (id, manifest, parent, facts) VALUES (?, ?, ?, ?)",
                [image.id.description, image.manifest.description, image.parent?.description, image.factsText])
            return
        }
        guard known.manifests[image.manifest] == nil, let form = image.manifests[image.manifest] else { return }
        table.add(form, to: image.id)
        write(
            "INSERT INTO imageManifest (image, digest, facts) VALUES (?, ?, ?)",
            [image.id.description, form.digest.description, form.text])
        touched.insert(image.id)
    }

    /// A name that another image had moves over.
    mutating func set(_ name: Reference, to target: NamedImage, at time: Timestamp) {
        if let old = table.names[name] { touched.insert(old.image) }
        table.set(name, to: target)
        table.touch(target.image, at: time)
        write(
            """
            INSERT INTO imageName (name, image, manifest) VALUES (?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET image = excluded.image, manifest = excluded.manifest
            """, [name.description, target.image.description, target.manifest.description])
        write("UPDATE image SET tagged = ? WHERE id = ?", [time.description, target.image.description])
    }

    mutating func unset(_ name: Reference) {
        if let old = table.names[name] { touched.insert(old.image) }
        table.unset(name)
        write("DELETE FROM imageName WHERE name = ?", [name.description])
    }

    /// With its forms and names.
    mutating func remove(_ image: ImageRecord) {
        table.remove(image.id)
        dropped.add(image.content)
        write("DELETE FROM image WHERE id = ?", [image.id.description])
    }

    /// Takes away the forms whose last name went; an image without names keeps its own.
    mutating func trim() {
        for id in touched {
            guard let image = table.images[id], image.manifests.count > 1 else { continue }
            let named = table.namedManifests(of: id)
            if !named.isEmpty, !named.contains(image.manifest), let other = named.min(by: { $0.hex < $1.hex }) {
                table.choose(other, for: id)
                write(
                    "UPDATE image SET manifest = ?, facts = ? WHERE id = ?",
                    [other.description, table.images[id]?.factsText, id.description])
                write(
                    "DELETE FROM imageManifest WHERE image = ? AND digest = ?", [id.description, other.description])
            }
            for form in image.manifests.values where form.digest != table.images[id]?.manifest {
                if named.contains(form.digest) { continue }
                table.removeManifest(form.digest, of: id)
                dropped.add(form.content)
                write(
                    "DELETE FROM imageManifest WHERE image = ? AND digest = ?",
                    [id.description, form.digest.description])
            }
        }
    }

    func write(to database: StateDatabase) throws(ImageError) {
        do {
            try database.write { database in
                for (sql, arguments) in statements { try database.execute(sql: sql, arguments: arguments) }
            }
        } catch {
            throw ImageError(error)
        }
    }

    private mutating func write(_ sql: String, _ arguments: StatementArguments) {
        statements.append((sql, arguments))
    }
}

extension ImageService {
    static let manifestMigration = Migration("images-manifests") { database in
        try database.execute(
            sql: """
                CREATE TABLE imageManifest (
                    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE, digest TEXT NOT NULL,
                    facts TEXT NOT NULL, PRIMARY KEY (image, digest)
                ) WITHOUT ROWID;
                ALTER TABLE imageName ADD COLUMN manifest TEXT;
                """)
    }

    /// Changes the table, and takes away what nothing needs after that.
    ///
    /// - Returns: what `body` does, and the sum of the sizes of layers that went.
    @discardableResult
    func change<Value>(
        _ body: (inout ImageTransaction) throws(ImageError) -> Value
    ) throws(ImageError) -> (value: Value, freed: Int64) {
        let (value, dropped) = try table.withLock { table throws(ImageError) -> (Value, Content) in
            var change = ImageTransaction(table)
            let value = try body(&change)
            change.trim()
            try change.write(to: database)
            table = change.table
            return (value, change.dropped)
        }
        publishIndex()
        return (value, discard(dropped).layers)
    }
}
