internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// Finds the program of a command in the container, or explains why it cannot run.
enum CommandSearch {
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The path to execute; errors in Docker's words.
    static func find(_ command: String, env: [String]) throws(LaunchFailure) -> String {
        guard !command.isEmpty else { throw LaunchFailure(exitCode: 127, "no command specified") }
        if command.utf8.contains(0x2f) {
            if let error = check(command) { throw explain(command, error) }
            return command
        }
        let path = env.last { $0.hasBytePrefix("PATH=") }.map { String($0.dropFirst(bytes: 5)) } ?? defaultPath
        var denied = false
        for directory in path.split(byte: ":", omittingEmptySubsequences: false) {
            let candidate = (directory.isEmpty ? "." : directory) + "/" + command
            guard let error = check(candidate) else { return candidate }
            if error == EACCES { denied = true }
        }
        if denied { throw LaunchFailure(exitCode: 126, "exec: \"\(command)\": permission denied") }
        throw LaunchFailure(exitCode: 127, "exec: \"\(command)\": executable file not found in $PATH")
    }

    /// Nil when the file can be executed; otherwise errno.
    private static func check(_ path: String) -> Int32? {
        var status = stat()
        if stat(path, &status) < 0 { return errno }
        if status.st_mode & S_IFMT == S_IFDIR { return EISDIR }
        if faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 { return errno }
        return nil
    }

    private static func explain(_ command: String, _ error: Int32) -> LaunchFailure {
        switch error {
        case ENOENT, ENOTDIR:
            let reason = SystemError("", code: error).reason
            return LaunchFailure(exitCode: 127, "exec: \"\(command)\": stat \(command): \(reason)")
        case EISDIR: return LaunchFailure(exitCode: 126, "exec: \"\(command)\": is a directory: permission denied")
        default:
            return LaunchFailure(exitCode: 126, "exec: \"\(command)\": \(SystemError("", code: error).reason)")
        }
    }

    /// Explains why execve(2) refused an existing program.
    static func executionFailure(_ path: String, _ error: Int32) -> LaunchFailure {
        let head = beginning(of: path)
        let reason = SystemError("", code: error).reason
        switch error {
        case ENOENT, ENOTDIR:
            guard head.starts(with: [0x23, 0x21]) else {
                return LaunchFailure(
                    exitCode: 127,
                    "exec \(path): \(reason): the file exists, but the loader it was built for is not in the image")
            }
            let line = head.dropFirst(2).prefix { $0 != 0x0a }
            let words = line.drop { $0 == 0x20 || $0 == 0x09 }
            let interpreter = String(decoding: words.prefix { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self)
            if interpreter.utf8.last == 0x0d {
                return LaunchFailure(
                    exitCode: 127,
                    "exec \(path): \(reason): the file exists, its interpreter \(interpreter.dropLast())\\r does not: "
                        + "line 1 ends in CRLF; save the file with Unix line ends")
            }
            return LaunchFailure(
                exitCode: 127,
                "exec \(path): \(reason): the file exists, its interpreter \(interpreter) does not")
        case ENOEXEC: return LaunchFailure(exitCode: 126, "exec \(path): exec format error" + formatHint(head))
        default: return LaunchFailure(exitCode: 126, "exec \(path): \(reason)")
        }
    }

    private static func beginning(of path: String) -> [UInt8] {
        let handle = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard handle >= 0 else { return [] }
        defer { close(handle) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(handle, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    #if arch(x86_64)
        private static let hostArchitecture = "amd64"
    #elseif arch(arm64)
        private static let hostArchitecture = "arm64"
    #else
        private static let hostArchitecture = "another architecture"
    #endif

    /// Reads the machine field of an ELF file (elf(5)), in both byte orders.
    static func formatHint(_ head: [UInt8]) -> String {
        guard head.count >= 20, head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            return head.starts(with: [0x23, 0x21]) ? "" : ": the file is not a program and has no #! line"
        }
        let little = head[5] == 1
        let machine = little ? Int(head[18]) | Int(head[19]) << 8 : Int(head[19]) | Int(head[18]) << 8
        let names = [
            3: "386", 8: "mips", 20: "ppc", 21: little ? "ppc64le" : "ppc64", 22: "s390x", 40: "arm", 62: "amd64",
            183: "arm64", 243: "riscv64", 258: "loong64",
        ]
        let name = names[machine] ?? "machine \(machine)"
        guard name != hostArchitecture else { return "" }
        return ": the program is for \(name), this host is \(hostArchitecture); "
            + "choose an image with --platform linux/\(hostArchitecture) or install an emulator"
    }
}
