internal import Glibc
internal import JSON
internal import Linux

/// `daemon.json`, with Docker's keys.
enum ConfigurationFile {
    static let standardPath = "/etc/gantry/daemon.json"

    /// The file's settings. The standard file may be missing; one that was named may not.
    static func read(_ path: String?) throws(DaemonError) -> [String: JSON] {
        let name = path ?? standardPath
        var bytes: [UInt8]
        do {
            bytes = try Descriptor.open(name, O_RDONLY).readAll(limit: 1 << 20)
        } catch {
            if path == nil, error.code == ENOENT { return [:] }
            throw DaemonError("unable to configure the daemon with file \(name): \(error)")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        if bytes.allSatisfy({ $0 <= 0x20 }) { return [:] }
        let json: JSON
        do {
            json = try JSON.parse(bytes, refusesDuplicates: true)
        } catch {
            throw DaemonError("unable to configure the daemon with file \(name): \(error)")
        }
        guard let object = json.objectValue else {
            throw DaemonError("unable to configure the daemon with file \(name): it must be one object")
        }
        let unknown = object.keys.filter { SettingRule.all[$0] == nil }
        guard unknown.isEmpty else {
            throw DaemonError(
                "unable to configure the daemon with file \(name): "
                    + "the following directives don't match any configuration option: "
                    + unknown.joined(separator: ", "))
        }
        var settings: [String: JSON] = [:]
        for (key, value) in object { settings[key] = value }
        return settings
    }

    /// Both together; a key may be in only one of them.
    static func merged(
        file: [String: JSON], flags: [String: JSON]
    ) throws(DaemonError) -> [String: JSON] {
        let both = flags.keys.filter { file[$0] != nil }.sorted()
        guard both.isEmpty else {
            let list = both.map { key in
                "\(key): (from flag: \(flags[key]?.text() ?? ""), from file: \(file[key]?.text() ?? ""))"
            }
            throw DaemonError(
                "the following directives are specified both as a flag and in the configuration file: "
                    + list.joined(separator: ", "))
        }
        return file.merging(flags) { old, _ in old }
    }
}
