internal import ByteText
internal import Glibc
internal import JSON

/// `minKernel` of Docker's profiles: rules for kernels from a version on.
extension SeccompProfile {
    /// Whether a rule applies to the running kernel.
    static func isForKernel(_ rule: JSON) throws(LaunchFailure) -> Bool {
        if let excluded = try version(rule["excludes"]?["minKernel"]), running >= excluded { return false }
        if let needed = try version(rule["includes"]?["minKernel"]), running < needed { return false }
        return true
    }

    /// `4.8`; anything after the second number of a kernel's release is ignored.
    private static func version(_ value: JSON?) throws(LaunchFailure) -> (UInt8, UInt8)? {
        guard let text = value?.stringValue, !text.isEmpty else { return nil }
        let parts = text.split(byte: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = UInt8(parts[0]), let minor = UInt8(parts[1]), major > 0 || minor > 0 else {
            throw LaunchFailure(
                "seccomp profile: invalid kernel version: \"\(text)\", expected \"<kernel>.<major>\"")
        }
        return (major, minor)
    }

    private static let running: (UInt8, UInt8) = {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split { !("0"..."9").contains($0) }.prefix(2).map { UInt8($0) ?? 0 }
        return (numbers.first ?? 0, numbers.count > 1 ? numbers[1] : 0)
    }()
}
