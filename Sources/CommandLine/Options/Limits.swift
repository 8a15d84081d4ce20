internal import ByteText
package import JSON

/// Limits and rules with a small syntax of their own.
package enum Limits {
    /// `nofile=1024:2048` as the API's Ulimit; nil when it is none.
    package static func ulimit(_ text: String) -> JSON? {
        let (name, value) = Pairs.split(text)
        let names = [
            "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
            "rtprio", "rttime", "sigpending", "stack",
        ]
        guard names.contains(name) else { return nil }
        let parts = value.split(byte: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, let soft = Int64(parts[0]) else { return nil }
        guard let hard = parts.count == 2 ? Int64(parts[1]) : soft else { return nil }
        if hard != -1, soft > hard || soft == -1 { return nil }
        return ["Name": .string(name), "Soft": JSON(soft), "Hard": JSON(hard)]
    }

    /// `/dev/sda:/dev/xvdc:rwm` as the API's DeviceMapping.
    package static func device(_ text: String) throws(CommandError) -> JSON {
        let parts = text.split(byte: ":", omittingEmptySubsequences: false).map(String.init)
        func isMode(_ text: String) -> Bool { !text.isEmpty && text.allSatisfy { "rwm".contains($0) } }
        guard (1...3).contains(parts.count), !parts[0].isEmpty else {
            throw CommandError("invalid device specification: \(text)")
        }
        var inside = parts[0]
        var mode = "rwm"
        if parts.count == 3 {
            guard isMode(parts[2]) else { throw CommandError("bad mode specified: \(parts[2])") }
            inside = parts[1]
            mode = parts[2]
        } else if parts.count == 2 {
            if isMode(parts[1]) { mode = parts[1] } else { inside = parts[1] }
        }
        return [
            "PathOnHost": .string(parts[0]), "PathInContainer": .string(inside.isEmpty ? parts[0] : inside),
            "CgroupPermissions": .string(mode),
        ]
    }

    /// `/dev/sda:1mb` as a throttle; `isRate` numbers are bytes.
    static func throttle(_ text: String, isRate: Bool) throws(CommandError) -> JSON {
        guard let colon = text.lastIndex(ofByte: ":"), text.hasBytePrefix("/dev/") else {
            throw CommandError("bad format for device path: \(text)")
        }
        let value = String(text[text.utf8.index(after: colon)...])
        guard let number = isRate ? Quantities.bytes(value) : Int64(value), number >= 0 else {
            throw CommandError(
                "invalid rate for device: \(text). The correct format is <device-path>:<number>"
                    + (isRate
                        ? "[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb" : "")
            )
        }
        return ["Path": .string(String(text[..<colon])), "Rate": JSON(number)]
    }

    static func weight(_ text: String) throws(CommandError) -> JSON {
        guard let colon = text.lastIndex(ofByte: ":"), let number = UInt16(text[text.utf8.index(after: colon)...])
        else {
            throw CommandError("bad format: \(text)")
        }
        return ["Path": .string(String(text[..<colon])), "Weight": JSON(number)]
    }

    /// `always`, `on-failure:5` as the API's RestartPolicy.
    package static func restartPolicy(_ text: String) throws(CommandError) -> JSON {
        let parts = text.split(byte: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, let name = parts.first, !(name.isEmpty && parts.count == 2) else {
            throw CommandError(
                "invalid restart policy format: \(parts.first?.isEmpty == true ? "no policy provided before colon" : "maximum retry count must be an integer")"
            )
        }
        var count: Int64 = 0
        if parts.count == 2 {
            guard let number = Int64(parts[1]) else {
                throw CommandError("invalid restart policy format: maximum retry count must be an integer")
            }
            count = number
        }
        return ["Name": .string(name.isEmpty ? "no" : name), "MaximumRetryCount": JSON(count)]
    }

    /// `--security-opt`, with the seccomp profile's file read into it.
    static func securityOptions(_ words: [String]) throws(CommandError) -> [String] {
        var result: [String] = []
        for word in words {
            guard let sign = word.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
                guard word == "no-new-privileges" else { throw CommandError("invalid --security-opt: \(quoted(word))") }
                result.append(word)
                continue
            }
            let name = String(word[..<sign])
            let value = String(word[word.utf8.index(after: sign)...])
            if name == "seccomp", value != "unconfined", value != "builtin" {
                let bytes: [UInt8]
                do {
                    bytes = try InputFiles.read(value)
                } catch {
                    throw CommandError("opening seccomp profile (\(value)) failed: \(error.message)")
                }
                guard let profile = try? JSON.parse(bytes) else {
                    throw CommandError("compacting json for seccomp profile (\(value)) failed: it is not JSON")
                }
                result.append("seccomp=\(profile.text())")
            } else {
                result.append(word)
            }
        }
        return result
    }
}
