internal import ByteText
internal import Glibc
internal import Runtime

/// Asks a container's memory cgroup whether its limit killed something.
enum MemoryEvents {
    static func wasKilled(_ cgroups: [CgroupJoin]) -> Bool {
        for join in cgroups {
            if join.controller.split(byte: ",").contains("memory") {
                return count("oom_kill", in: join.path + "/memory.oom_control") > 0
            }
        }
        guard let unified = cgroups.first(where: { $0.controller.isEmpty }) else { return false }
        return count("oom_kill", in: unified.path + "/memory.events") > 0
    }

    private static func count(_ name: String, in path: String) -> Int {
        let handle = open(path, O_RDONLY | O_CLOEXEC)
        guard handle >= 0 else { return 0 }
        defer { close(handle) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let length = read(handle, &bytes, bytes.count)
        guard length > 0 else { return 0 }
        for line in bytes[..<length].split(separator: 0x0a) {
            let words = line.split(separator: 0x20)
            if words.count == 2, words[0].elementsEqual(name.utf8) {
                return Int(String(decoding: words[1], as: UTF8.self)) ?? 0
            }
        }
        return 0
    }
}
