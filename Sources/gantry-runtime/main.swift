internal import Glibc
internal import Monitor

let arguments = CommandLine.arguments
let name = arguments.first.map { $0.split(separator: "/").last ?? "" } ?? ""
if name == "gantry-monitor" {
    exit(MonitorProgram.run(Array(arguments.dropFirst())))
}
if arguments.count > 1 && arguments[1] == "monitor" {
    exit(MonitorProgram.run(Array(arguments.dropFirst(2))))
}
let text = Array("gantry-runtime: unknown command\n".utf8)
_ = write(2, text, text.count)
exit(1)
