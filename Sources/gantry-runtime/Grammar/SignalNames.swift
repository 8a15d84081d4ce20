internal import ByteText
internal import Glibc
internal import Runtime

/// Signals by name or number.
enum SignalNames {
    private static let names: [String: Int32] = [
        "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10,
        "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CONT": 18, "STOP": 19,
        "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27, "WINCH": 28,
        "IO": 29, "PWR": 30, "SYS": 31,
    ]

    static func number(_ text: String) throws(LaunchFailure) -> Int32 {
        if let number = Int32(text), (0...64).contains(number) { return number }
        var name = text.uppercased()
        if name.hasBytePrefix("SIG") { name.removeFirst(3) }
        if let number = names[name] { return number }
        if name.hasBytePrefix("RTMIN"),
            let offset = name.count == 5 ? 0 : Int32(name.dropFirst(bytes: 5).drop { $0 == "+" })
        {
            return 34 + offset
        }
        throw LaunchFailure("unknown signal \(text)")
    }
}
