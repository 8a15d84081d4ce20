internal import Glibc
internal import Linux
internal import Synchronization

/// Caches compiled filters in memory and in files: compiling takes longer than the rest of a start.
package final class SeccompCache: Sendable {
    /// All input of the compilation, compared in full: a hash collision in the file name only costs a compilation.
    private typealias Key = [UInt8]

    private let directory: String
    private let memory = Mutex<[Key: [UInt8]]>([:])
    private static let version: UInt32 = 3

    /// `directory` is created with mode 0700 when it is missing.
    package init(directory: String) {
        self.directory = directory
    }

    /// The filter of a profile for a container with these capabilities.
    package func filter(for profile: SeccompProfile, capabilities: UInt64) throws(LaunchFailure) -> [UInt8] {
        let key = Self.key(profile, capabilities)
        if let found = memory.withLock({ $0[key] }) { return found }
        let path = directory + "/" + Self.name(key)
        let filter: [UInt8]
        if let stored = Self.load(path, key) {
            filter = stored
        } else {
            filter = try profile.compile(capabilities: capabilities)
            store(filter, key, path)
        }
        memory.withLock { cache in
            if cache.count > 256 { cache.removeAll() }
            cache[key] = filter
        }
        return filter
    }

    private static func key(_ profile: SeccompProfile, _ capabilities: UInt64) -> Key {
        var writer = BinaryWriter()
        writer.put(version)
        writer.put("\(profile.defaultAction)")
        writer.put(profile.architectures)
        // Capabilities matter only through the rules they select.
        for rule in profile.selected(capabilities: capabilities) {
            writer.put(rule.names)
            writer.put("\(rule.action)")
            for argument in rule.arguments {
                writer.put(argument.index)
                writer.put(argument.comparison.rawValue)
                writer.put(argument.value)
                writer.put(argument.second)
            }
        }
        return writer.bytes
    }

    /// FNV-1a twice, with different seeds.
    private static func name(_ key: Key) -> String {
        var first: UInt64 = 0xcbf2_9ce4_8422_2325
        var second: UInt64 = 0x6c62_272e_07bb_0142
        for byte in key {
            first = (first ^ UInt64(byte)) &* 0x100_0000_01b3
            second = (second ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        let text = String(first, radix: 16) + "-" + String(second, radix: 16)
        return text + ".bpf"
    }

    private static func load(_ path: String, _ key: Key) -> [UInt8]? {
        guard let file = try? Descriptor.open(path, O_RDONLY | O_NOFOLLOW),
            let bytes = try? file.readAll(limit: 4 << 20)
        else { return nil }
        var reader = BinaryReader(bytes)
        guard let stored = try? reader.data(), stored == key, let filter = try? reader.data(), reader.isAtEnd,
            filter.count % 8 == 0, !filter.isEmpty
        else { return nil }
        return filter
    }

    /// Best effort: on failure the next daemon compiles again.
    private func store(_ filter: [UInt8], _ key: Key, _ path: String) {
        mkdir(directory, 0o700)
        var writer = BinaryWriter()
        writer.put(key)
        writer.put(filter)
        let temporary = path + ".\(getpid())"
        guard let file = try? Descriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600) else {
            return
        }
        do {
            try file.writeEverything(writer.bytes)
            rename(temporary, path)
        } catch {
            unlink(temporary)
        }
    }
}
