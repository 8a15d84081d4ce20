internal import ByteText
internal import Glibc
internal import Monitor

/// One executable, two faces: what stands beside a container, and an OCI runtime for everybody else.
enum Face {
    static func run() -> Int32 {
        // Not `CommandLine.arguments`, which takes a tenth of a millisecond.
        let words = (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0].map { String(cString: $0) } }
        let face = words.first ?? ""
        let arguments = Array(words.dropFirst())
        if face == "gantry-monitor" || face.hasByteSuffix("/gantry-monitor") { return MonitorProgram.run(arguments) }
        return RuntimeProgram.run(arguments)
    }
}
