internal import CommandLine
internal import Glibc

@main
enum Gantry {
    static func main() { exit(Program.main(Array(Swift.CommandLine.arguments.dropFirst()))) }
}
