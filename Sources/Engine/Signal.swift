internal import ByteText
internal import Glibc
internal import JSON

/// Signals by name and number.
enum Signal {
    private static let numbers: [String: Int32] = [
        "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT, "IOT": SIGABRT,
        "BUS": SIGBUS, "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV, "USR2": SIGUSR2,
        "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM, "STKFLT": 16, "CHLD": SIGCHLD, "CLD": SIGCHLD,
        "CONT": SIGCONT, "STOP": SIGSTOP, "TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG,
        "XCPU": SIGXCPU, "XFSZ": SIGXFSZ, "VTALRM": SIGVTALRM, "PROF": SIGPROF, "WINCH": SIGWINCH, "IO": SIGIO,
        "POLL": SIGIO, "PWR": SIGPWR, "SYS": SIGSYS,
    ]

    /// `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3`; nil when there is no such signal.
    static func number(_ text: String) -> Int32? {
        if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
        var name = text.uppercased()
        if name.hasBytePrefix("SIG") { name.removeFirst(3) }
        if let number = numbers[name] { return number }
        // glibc keeps the first two real-time signals for itself.
        let realTime: Int32
        switch name {
        case "RTMIN": realTime = 34
        case "RTMAX": realTime = 64
        case _ where name.hasBytePrefix("RTMIN+"):
            realTime = Int32(name.dropFirst(bytes: 6)).map { $0.saturatingAdd(34) } ?? 0
        case _ where name.hasBytePrefix("RTMAX-"):
            realTime = Int32(name.dropFirst(6)).map { (64 as Int32).saturatingSubtract($0) } ?? 0
        default: return nil
        }
        return (34...64).contains(realTime) ? realTime : nil
    }
}
