import Glibc

/// A pair of terminals. Swift's Glibc module is made without the X/Open names, so they are looked up where they are.
enum PseudoTerminal {
    private typealias OnNumber = @convention(c) (Int32) -> Int32
    private typealias NameOf = @convention(c) (Int32, UnsafeMutablePointer<CChar>, Int) -> Int32

    private static func symbol<Function>(_ name: String, as type: Function.Type) throws -> Function {
        guard let address = dlsym(nil, name) else { throw HarnessError("no \(name) in the C library") }
        return unsafeBitCast(address, to: type)
    }

    /// The descriptor of the side that types and reads, and the path of the side that programs see.
    static func open() throws -> (descriptor: Int32, path: String) {
        let descriptor = try symbol("posix_openpt", as: OnNumber.self)(O_RDWR | O_NOCTTY | O_CLOEXEC)
        var name = [CChar](repeating: 0, count: 64)
        guard descriptor >= 0, try symbol("grantpt", as: OnNumber.self)(descriptor) == 0,
            try symbol("unlockpt", as: OnNumber.self)(descriptor) == 0,
            try symbol("ptsname_r", as: NameOf.self)(descriptor, &name, name.count) == 0
        else { throw HarnessError("no terminal: errno \(errno)") }
        return (descriptor, String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
