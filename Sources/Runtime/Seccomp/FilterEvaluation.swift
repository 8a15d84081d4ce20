internal import CLinux

/// Evaluates a compiled seccomp filter for a system call without loading it: the subset of classic BPF that libseccomp generates
/// (bpf(4), seccomp(2)).
package struct FilterEvaluation {
    /// struct sock_filter[].
    package let program: [UInt8]

    package init(program: [UInt8]) { self.program = program }

    #if arch(x86_64)
        private static let architecture: UInt32 = 0xc000_003e
    #elseif arch(arm64)
        private static let architecture: UInt32 = 0xc000_00b7
    #endif

    /// True when the call is allowed or logged. False also for a program with unknown instructions.
    package func allows(_ call: Int32, _ first: UInt64 = 0) -> Bool {
        // Only allow, log and trace have values this high.
        guard let action = action(call, first) else { return false }
        return action & 0xffff_0000 == 0x7fff_0000 || action & 0xffff_0000 == 0x7ffc_0000
    }

    /// A word of struct seccomp_data; all arguments but the first are 0.
    private func word(_ offset: UInt32, _ call: Int32, _ first: UInt64) -> UInt32 {
        switch offset {
        case 0: return UInt32(bitPattern: call)
        case 4: return Self.architecture
        case 16: return UInt32(truncatingIfNeeded: first)
        case 20: return UInt32(truncatingIfNeeded: first >> 32)
        default: return 0
        }
    }

    private func action(_ call: Int32, _ first: UInt64) -> UInt32? {
        program.withUnsafeBytes { bytes -> UInt32? in
            let count = bytes.count / 8
            var (index, accumulator) = (0, UInt32(0))
            // Jumps only go forward, so every program ends.
            while index < count {
                let code = bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt16.self)
                let (yes, no) = (Int(bytes[index * 8 + 2]), Int(bytes[index * 8 + 3]))
                let value = bytes.loadUnaligned(fromByteOffset: index * 8 + 4, as: UInt32.self)
                index += 1
                switch code {
                case 0x20: accumulator = word(value, call, first)
                case 0x05: index += Int(value)
                case 0x15: index += accumulator == value ? yes : no
                case 0x25: index += accumulator > value ? yes : no
                case 0x35: index += accumulator >= value ? yes : no
                case 0x45: index += accumulator & value != 0 ? yes : no
                case 0x54: accumulator &= value
                case 0x06: return value
                default: return nil
                }
            }
            return nil
        }
    }
}
