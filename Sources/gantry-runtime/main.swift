internal import Glibc

// Nothing else here: top-level closures would belong to the main actor, which starts Dispatch.
exit(NamedProgram.run())
