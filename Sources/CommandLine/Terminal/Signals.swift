internal import CLinux
internal import Glibc
internal import Linux

/// Signals as things to poll for instead of interruptions.
final class Signals {
    private let descriptor: SharedDescriptor
    var raw: Int32 { descriptor.raw }

    /// Blocks `numbers` in this process (single-threaded) and collects them.
    init(_ numbers: [Int32]) throws(CommandError) {
        let number = linux_signal_descriptor(numbers, Int32(numbers.count))
        guard number >= 0 else { throw CommandError("\(SystemError("signalfd", code: -number))") }
        descriptor = SharedDescriptor(Descriptor(owning: number))
    }

    /// The signal that made the descriptor readable.
    func next() -> Int32? {
        let number = linux_next_signal(raw)
        return number > 0 ? number : nil
    }

    /// What `docker run` passes on to the container: everything but what concerns only the client itself.
    static let forwarded: [Int32] = {
        let own: Set<Int32> = [
            SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS,
            SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU,
        ]
        return (1...31).filter { !own.contains($0) }
    }()

    /// The name without SIG, as the kill endpoint takes it.
    static func name(_ number: Int32) -> String { names[number] ?? String(number) }

    private static let names: [Int32: String] = [
        SIGHUP: "HUP", SIGINT: "INT", SIGQUIT: "QUIT", SIGUSR1: "USR1", SIGUSR2: "USR2", SIGALRM: "ALRM",
        SIGTERM: "TERM", SIGCONT: "CONT", SIGXCPU: "XCPU", SIGXFSZ: "XFSZ", SIGVTALRM: "VTALRM", SIGPROF: "PROF",
        SIGIO: "IO", 30: "PWR", 16: "STKFLT",
    ]

    /// Ends this process the way the signal would have.
    static func die(by number: Int32) { linux_die_by(number) }
}
