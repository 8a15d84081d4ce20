internal import Glibc

// Nothing more: closures at the top level would be the main actor's, which comes with Dispatch and its start.
exit(NamedProgram.run())
