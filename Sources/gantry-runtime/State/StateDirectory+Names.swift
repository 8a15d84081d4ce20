internal import ByteText
internal import Glibc
internal import Linux
internal import Runtime

extension StateDirectory {
    /// The ids of all containers.
    static func names(_ root: String) -> [String] {
        Directory.names(in: root).filter { !$0.hasBytePrefix(".") }.sorted()
    }

    /// The ids that match an extended regular expression (regex(7)).
    static func names(matching pattern: String, _ root: String) throws(LaunchFailure) -> [String] {
        var expression = regex_t()
        guard regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) == 0 else {
            throw LaunchFailure("\(pattern) is not a regular expression")
        }
        defer { regfree(&expression) }
        return names(root).filter { regexec(&expression, $0, 0, nil, 0) == 0 }
    }
}
