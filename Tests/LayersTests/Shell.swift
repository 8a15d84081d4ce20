import Foundation
import Testing

/// Runs a shell command and returns its output. Uses posix_spawn and files, because Foundation's `Process` needs threads that the
/// tests block.
@discardableResult
func shell(_ line: String, input: [UInt8] = []) throws -> [UInt8] {
    let name = NSTemporaryDirectory() + "gantry-shell-" + UUID().uuidString
    defer {
        unlink(name + ".in")
        unlink(name + ".out")
    }
    try Data(input).write(to: URL(fileURLWithPath: name + ".in"))
    var child: pid_t = 0
    let words: [String] = ["/bin/sh", "-c", "exec <\(name).in >\(name).out\n" + line]
    let arguments = words.map { (word: String) in strdup(word) }
    defer { for argument in arguments { free(argument) } }
    let failure = posix_spawn(&child, "/bin/sh", nil, nil, arguments + [nil], environ)
    #expect(failure == 0)
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    #expect(status == 0, "\(line)")
    return Array(try Data(contentsOf: URL(fileURLWithPath: name + ".out")))
}
