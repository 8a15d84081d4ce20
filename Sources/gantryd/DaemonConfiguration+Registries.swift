internal import ByteText
internal import Engine
internal import Glibc
internal import Images
internal import Registry

extension DaemonConfiguration {
    /// How images are fetched and sent.
    mutating func readRegistries(_ reader: SettingsReader) throws(DaemonError) {
        images.registry.insecureRegistries = try reader.list("insecure-registries") ?? []
        engine.insecureRegistries = images.registry.insecureRegistries
        engine.registryMirrors = try reader.list("registry-mirrors") ?? []
        for mirror in engine.registryMirrors { try Self.check(mirror: mirror) }
        var mirrors = try reader.lists("registry-mirror-map") ?? [:]
        for mirror in mirrors.values.joined() { try Self.check(mirror: mirror) }
        mirrors["docker.io", default: []] += engine.registryMirrors
        images.registry.mirrors = mirrors
        if let count = try reader.number("max-concurrent-downloads"), count > 0 {
            images.maxConcurrentDownloads = count
        }
        if let count = try reader.number("max-concurrent-uploads"), count > 0 { images.maxConcurrentUploads = count }
        if let count = try reader.number("max-download-attempts"), count > 0 { images.registry.maxAttempts = count }
        // Docker's flat keys, its group `proxies`, then the environment, as Go's programs read it.
        let group = try reader.texts("proxies") ?? [:]
        func proxy(_ key: String, _ names: [String]) throws(DaemonError) -> String {
            if let text = try reader.text(key) ?? group[key] {
                if key != "no-proxy", !text.isEmpty { try Self.check(proxy: text, key) }
                return text
            }
            // What is wrong with the environment's is told when it is used: that was not written for this program.
            return names.lazy.compactMap { getenv($0).map { String(cString: $0) } }.first { !$0.isEmpty } ?? ""
        }
        images.registry.proxies.http = try proxy("http-proxy", ["HTTP_PROXY", "http_proxy"])
        images.registry.proxies.https = try proxy("https-proxy", ["HTTPS_PROXY", "https_proxy"])
        images.registry.proxies.none = try proxy("no-proxy", ["NO_PROXY", "no_proxy"])
    }

    private static func check(proxy: String, _ key: String) throws(DaemonError) {
        do throws(RegistryError) {
            _ = try ProxyAddress(proxy)
        } catch {
            throw DaemonError("invalid \(key): \(error)")
        }
    }

    private static func check(mirror: String) throws(DaemonError) {
        let parts = mirror.split(byte: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, ["http:", "https:"].contains(parts[0]), parts[1].isEmpty, !parts[2].isEmpty,
            !parts[2].contains(byte: "@"), !mirror.contains(where: { "?#".contains($0) })
        else {
            throw DaemonError("invalid mirror: \"\(mirror)\" is not of the form https://host[:port][/repository]")
        }
    }
}
