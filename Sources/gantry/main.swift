internal import CommandLine
internal import Glibc

exit(Program.main(Array(Swift.CommandLine.arguments.dropFirst())))
