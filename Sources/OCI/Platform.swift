internal import ByteText
package import JSON

internal import Glibc

/// Operating system, processor and its variant, in Go's words: `linux/arm64/v8`.
package struct Platform: Hashable, Sendable, CustomStringConvertible {
    package let os: String
    package let architecture: String
    /// `v7`, `v8`, or empty. The variants that mean nothing (`arm64/v8`, `amd64/v1`) are kept as empty.
    package let variant: String

    /// Normalizes the names that `uname` and people use (`x86_64`, `aarch64`, `armhf`).
    package init(os: String, architecture: String, variant: String = "") {
        var architecture = architecture.lowercased()
        var variant = variant.lowercased()
        switch architecture {
        case "x86_64", "x86-64": architecture = "amd64"
        case "i386", "i486", "i586", "i686": architecture = "386"
        case "aarch64": architecture = "arm64"
        case "armhf", "armv7l": (architecture, variant) = ("arm", "v7")
        case "armel", "armv6l": (architecture, variant) = ("arm", "v6")
        default: break
        }
        if !variant.isEmpty, variant.utf8.allSatisfy({ (48...57).contains($0) }) { variant = "v" + variant }
        switch (architecture, variant) {
        case ("arm64", "v8"), ("amd64", "v1"): variant = ""
        case ("arm", ""): variant = "v7"
        default: break
        }
        self.os = os.lowercased() == "macos" ? "darwin" : os.lowercased()
        self.architecture = architecture
        self.variant = variant
    }

    /// `linux/arm64/v8`, `linux/amd64`, `arm64` or `linux`: what is missing is the host's.
    package init(_ text: String) throws(OCIError) {
        let parts = text.split(byte: "/", omittingEmptySubsequences: false).map(String.init)
        let isPlain = parts.allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy {
                    (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95 || $0 == 45
                        || $0 == 46
                }
        }
        guard isPlain, (1...3).contains(parts.count) else { throw .invalidPlatform(text) }
        let host = Platform.host
        if parts.count == 1 {
            let isSystem = ["linux", "windows", "darwin", "freebsd", "macos"].contains(parts[0].lowercased())
            let isKnown =
                isSystem || Self.architectures.contains(Platform(os: host.os, architecture: parts[0]).architecture)
            guard isKnown else { throw .invalidPlatform(text) }
            self =
                isSystem
                ? Platform(os: parts[0], architecture: host.architecture, variant: host.variant)
                : Platform(os: host.os, architecture: parts[0])
        } else {
            self.init(os: parts[0], architecture: parts[1], variant: parts.count == 3 ? parts[2] : "")
        }
    }

    /// GOARCH: one word alone must be a system or one of these, as in containerd.
    private static let architectures: Set = [
        "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "ppc64", "ppc64le", "loong64", "mips", "mipsle",
        "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc", "riscv", "riscv64", "s390", "s390x", "sparc",
        "sparc64",
        "wasm",
    ]

    /// What this machine runs.
    package static let host: Platform = {
        var name = utsname()
        guard uname(&name) == 0 else { return Platform(os: "linux", architecture: "amd64") }
        let machine = withUnsafeBytes(of: &name.machine) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return Platform(os: "linux", architecture: machine)
    }()

    package var description: String {
        "\(os)/\(architecture)" + (variant.isEmpty ? "" : "/\(variant)")
    }

    /// How well content for `other` runs here: 0 is exact, larger is worse, nil is not at all.
    package func rank(of other: Platform) -> Int? {
        guard os == other.os else { return nil }
        if architecture == other.architecture {
            if variant == other.variant { return 0 }
            // A processor runs what was made for an older one; amd64/v2 may run on a plain amd64, which is the last try.
            if architecture == "arm" || architecture == "arm64" {
                return other.level <= level ? 1 + level - other.level : nil
            }
            return other.level <= level ? 1 + level - other.level : 100 + other.level
        }
        if architecture == "arm64", other.architecture == "arm" { return 10 + 8 - other.level }
        if architecture == "amd64", other.architecture == "386" { return 50 }
        return nil
    }

    /// The number in the variant, at most 99, with the default of the architecture.
    private var level: Int {
        if let number = Int(digits: variant.dropFirst().prefix(untilByte: ".")) { return min(number, 99) }
        return architecture == "arm64" ? 8 : architecture == "arm" ? 7 : 1
    }
}

extension Platform {
    /// As in a descriptor.
    package var json: JSON {
        var object = JSONObject()
        object["architecture"] = .string(architecture)
        object["os"] = .string(os)
        if !variant.isEmpty { object["variant"] = .string(variant) }
        return .object(object)
    }
}
