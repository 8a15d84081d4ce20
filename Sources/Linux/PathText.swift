internal import ByteText

/// Paths as texts; nothing is looked up.
package enum PathText {
    /// The components without `.` and with `..` taken back, never above the root.
    package static func components(_ path: String) -> [Substring] {
        var result: [Substring] = []
        for part in path.split(byte: "/") where part != "." {
            if part == ".." { _ = result.popLast() } else { result.append(part) }
        }
        return result
    }

    /// `a/b`: as `joined(separator:)`, but with strings only, since joining substrings has the standard library look up what
    /// their characters are, which a program of a few milliseconds notices.
    package static func joined(_ components: [Substring]) -> String {
        var path = ""
        for component in components {
            if !path.isEmpty { path += "/" }
            path += String(component)
        }
        return path
    }
}
