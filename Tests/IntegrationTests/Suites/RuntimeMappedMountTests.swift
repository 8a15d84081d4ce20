import Foundation
import Glibc
import Testing

extension Integration {
    /// Mounts whose owners are others inside (`idmap`, `ridmap`, `uidMappings` of a mount). runc has them from 1.2 on.
    @Suite(.enabled(if: Bundle.isGantry)) struct RuntimeMappedMountTests {
        private static var mapped: Bundle.Document { ["containerID": 0, "hostID": 1000, "size": 100] }

        /// A file system of its own with files of 0, 5 and 2000, and a tmpfs with another file of 0 beneath.
        private func volume(_ bundle: Bundle, _ type: String) throws -> String {
            let path = bundle.volume()
            if type == "ext4" {
                let image = bundle.directory + "/image"
                try succeed(["truncate", "-s", "16M", image])
                try succeed(["mkfs.ext4", "-q", image])
                try succeed(["mount", "-o", "loop", image, path])
            } else {
                try succeed(["mount", "-t", "tmpfs", "x", path])
            }
            chmod(path, 0o777)
            for id in [0, 5, 2000] {
                try "".write(toFile: path + "/of-\(id)", atomically: false, encoding: .utf8)
                chown(path + "/of-\(id)", uid_t(id), gid_t(id))
            }
            mkdir(path + "/beneath", 0o755)
            try succeed(["mount", "-t", "tmpfs", "y", path + "/beneath"])
            try "".write(toFile: path + "/beneath/of-0", atomically: false, encoding: .utf8)
            return path
        }

        private func add(_ bundle: Bundle, _ source: String, _ options: [String], _ more: Bundle.Document) {
            bundle.add(mount: "/volume", type: "bind", source: source, options)
            var mounts = bundle.config["mounts"] as? [Bundle.Document] ?? []
            mounts[mounts.count - 1].merge(more) { $1 }
            bundle.config["mounts"] = mounts
        }

        @Test(arguments: ["tmpfs", "ext4"], ["idmap", "ridmap"]) func ownersOfAMount(_ type: String, _ option: String)
            throws
        {
            let bundle = try Bundle(
                """
                cd /volume; stat -c '%u:%g' of-0 of-5 of-2000 beneath/of-0
                touch new && stat -c '%u:%g' new; chmod 600 of-0 || rm of-5; ls
                """)
            let path = try volume(bundle, type)
            defer { _ = try? command(["umount", "-R", path]) }
            add(bundle, path, ["rbind", option], ["uidMappings": [Self.mapped], "gidMappings": [Self.mapped]])
            bundle.edit("process") { $0["user"] = ["uid": 1003, "gid": 1003] }
            let result = try bundle.run()
            let beneath = option == "ridmap" ? "1000:1000" : "0:0"
            #expect(
                Array(result.lines.prefix(5)) == ["1000:1000", "1005:1005", "65534:65534", beneath, "1003:1003"],
                "\(result)")
            #expect(result.err.contains("of-0: Operation not permitted"), "\(result)")
            // What is written has the owner that belongs to it outside.
            var status = stat()
            #expect(stat(path + "/new", &status) == 0 && status.st_uid == 3 && status.st_gid == 3)
            #expect(stat(path + "/of-0", &status) == 0 && status.st_uid == 0)
        }

        /// Without mappings of the mount those of the container: its root owns what root owns outside.
        @Test(arguments: ["tmpfs", "ext4"]) func ownersOfTheContainer(_ type: String) throws {
            let bundle = try Bundle("cd /volume; stat -c '%u:%g' of-0 of-5; chown 7:8 of-0; touch new")
            let path = try volume(bundle, type)
            defer { _ = try? command(["umount", "-R", path]) }
            RuntimeUserTests.isolate(bundle)
            let all = ["CAP_CHOWN"]
            bundle.edit("process") { $0["capabilities"] = ["bounding": all, "effective": all, "permitted": all] }
            add(bundle, path, ["bind", "idmap"], [:])
            let result = try bundle.run()
            #expect(result.lines == ["0:0", "5:5"] && result.status == 0, "\(result)")
            var status = stat()
            #expect(stat(path + "/of-0", &status) == 0 && status.st_uid == 7 && status.st_gid == 8)
            #expect(stat(path + "/new", &status) == 0 && status.st_uid == 0)
        }

        @Test func refusesWhatCannotBeMapped() throws {
            func refused(_ type: String, _ source: String, _ options: [String], _ more: Bundle.Document) throws
                -> String
            {
                let bundle = try Bundle("touch /ran")
                bundle.add(mount: "/volume", type: type, source: source, options)
                var mounts = bundle.config["mounts"] as? [Bundle.Document] ?? []
                mounts[mounts.count - 1].merge(more) { $1 }
                bundle.config["mounts"] = mounts
                let result = try bundle.run()
                #expect(result.status == 1 && !Programs.exists(bundle.root + "/ran"), "\(result)")
                return result.err
            }
            let both: Bundle.Document = ["uidMappings": [Self.mapped], "gidMappings": [Self.mapped]]
            #expect(try refused("bind", "/sys/kernel", ["bind"], both).contains("does not support that"))
            #expect(try refused("tmpfs", "x", [], both).contains("not a bind mount"))
            #expect(try refused("bind", "/etc", ["bind", "idmap"], [:]).contains("idmap needs mappings"))
            #expect(try refused("bind", "/etc", ["bind"], ["uidMappings": [Self.mapped]]).contains("needs both"))
        }
    }
}
