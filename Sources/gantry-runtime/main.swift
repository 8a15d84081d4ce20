internal import Glibc
internal import Monitor

// One executable, two faces: what stands beside a container, and an OCI runtime for everybody else.
let arguments = CommandLine.arguments
let face = arguments.first ?? ""
if face == "gantry-monitor" || face.hasSuffix("/gantry-monitor") {
    exit(MonitorProgram.run(Array(arguments.dropFirst())))
}
exit(RuntimeProgram.run(Array(arguments.dropFirst())))
