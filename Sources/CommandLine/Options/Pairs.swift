internal import ByteText
internal import Glibc
internal import Linux

/// `KEY=VALUE` words and files of them: environment and labels.
package enum Pairs {
    /// The variables of `--env-file` files, then those of `--env`. A name alone takes its value from `environment`;
    /// one that is not set there is left out of files and passed on bare from flags, as Docker does.
    package static func environment(
        files: [String], words: [String], lookup: (String) -> String?
    ) throws(CommandError) -> [String] {
        var result: [String] = []
        for file in files {
            for line in try lines(of: file) {
                if line.contains(byte: "=") {
                    result.append(line)
                } else if let value = lookup(line) {
                    result.append("\(line)=\(value)")
                }
            }
        }
        for word in words {
            if word.isEmpty || word.hasBytePrefix("=") { throw CommandError("invalid environment variable: \(word)") }
            if word.contains(byte: "=") {
                result.append(word)
            } else {
                result.append(lookup(word).map { "\(word)=\($0)" } ?? word)
            }
        }
        return result
    }

    /// Why `--env` refuses `word`, or nil.
    static func refusal(_ word: String) -> String? {
        word.isEmpty || word.hasBytePrefix("=") ? "invalid environment variable: \(word)" : nil
    }

    /// Labels by name; the last one wins, and a name alone has the value "".
    package static func labels(files: [String], words: [String]) throws(CommandError) -> [(String, String)] {
        var result: [(String, String)] = []
        var all: [String] = []
        for file in files { all += try lines(of: file) }
        for word in all + words {
            let (name, value) = split(word)
            result.removeAll { $0.0 == name }
            result.append((name, value))
        }
        return result
    }

    /// `a=b=c` is `a` and `b=c`; without `=` the value is empty.
    static func split(_ word: String) -> (String, String) {
        let (name, value) = word.cut(at: "=")
        return (String(name), value.map { String($0) } ?? "")
    }

    /// The lines of a file, without comments, empty lines and what stands before a name.
    private static func lines(of file: String) throws(CommandError) -> [String] {
        var bytes = try InputFiles.read(file)[...]
        // Editors of other systems write a byte order mark in front of a file.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError("invalid env file (\(file)): invalid utf8 bytes")
        }
        var result: [String] = []
        for (number, raw) in text.lines.enumerated() {
            let line = String(raw.trimmingLeadingSpace)
            if line.isEmpty || line.hasBytePrefix("#") { continue }
            let name = split(line).0
            if name.unicodeScalars.contains(where: \.properties.isWhitespace) {
                throw CommandError("invalid env file (\(file)): variable '\(name)' contains whitespaces")
            }
            if name.isEmpty {
                throw CommandError(
                    "invalid env file (\(file)): no variable name on line '\(line)' (line \(number + 1))")
            }
            result.append(line)
        }
        return result
    }
}

/// Files that flags name.
enum InputFiles {
    static func read(_ path: String, limit: Int = 16 << 20) throws(CommandError) -> [UInt8] {
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_RDONLY)
            return try file.readAll(limit: limit)
        } catch {
            throw CommandError(error.operation == "open" ? "open \(path): \(error.reason)" : "\(error)")
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Writes a new file; one that is there already is refused.
    static func create(_ path: String, _ text: String) throws(CommandError) {
        do {
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666)
            try Output.write(Array(text.utf8), to: file.raw)
        } catch let error as SystemError {
            throw CommandError("failed to create the container ID file: open \(path): \(error.reason)")
        } catch {
            throw CommandError("\(error)")
        }
    }

    /// `path` from the root, `.` and `..` resolved by name.
    static func absolute(_ path: String) -> String {
        var full = path
        if !path.hasBytePrefix("/") {
            guard let directory = getcwd(nil, 0) else { return path }
            full = String(cString: directory) + "/" + path
            free(directory)
        }
        var steps: [Substring] = []
        for step in full.split(byte: "/") where step != "." {
            if step == ".." { _ = steps.popLast() } else { steps.append(step) }
        }
        return "/" + steps.joined(separator: "/")
    }
}
