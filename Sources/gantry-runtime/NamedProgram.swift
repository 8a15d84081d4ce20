internal import ByteText
internal import Glibc
internal import Monitor

/// One executable, two programs: called `gantry-monitor` it is the per-container monitor, called anything else the OCI runtime.
enum NamedProgram {
    static func run() -> Int32 {
        // Not `CommandLine.arguments`, which takes a tenth of a millisecond.
        let words = (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0].map { String(cString: $0) } }
        let name = words.first ?? ""
        let arguments = Array(words.dropFirst())
        if name == "gantry-monitor" || name.hasByteSuffix("/gantry-monitor") { return MonitorProgram.run(arguments) }
        return RuntimeProgram.run(arguments)
    }
}
