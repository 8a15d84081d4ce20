internal import Glibc
internal import Monitor

// One executable, two faces: what stands beside a container, and an OCI runtime for everybody else.
// Not `CommandLine.arguments`, which takes a tenth of a millisecond.
let arguments = (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0].map { String(cString: $0) } }
let face = arguments.first ?? ""
if face == "gantry-monitor" || face.hasSuffix("/gantry-monitor") {
    exit(MonitorProgram.run(Array(arguments.dropFirst())))
}
exit(RuntimeProgram.run(Array(arguments.dropFirst())))
