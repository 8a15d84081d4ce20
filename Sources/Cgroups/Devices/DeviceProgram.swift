/// Compiles device rules to a BPF program of type BPF_PROG_TYPE_CGROUP_DEVICE for cgroup2 (bpf(2), linux/bpf.h).
package enum DeviceProgram {
    private static func instruction(
        _ code: UInt8, _ destination: UInt8 = 0, _ source: UInt8 = 0, _ offset: Int16 = 0, _ value: Int32 = 0
    ) -> UInt64 {
        UInt64(code) | UInt64(destination | source << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: value)) << 32
    }

    /// The instructions. The last matching rule decides, so rules are checked from the last to the first.
    ///
    /// The context has access << 16 | type, major, minor. An allow rule must cover all of the requested access, a deny rule any
    /// of it.
    package static func assemble(_ rules: [DeviceRule]) -> [UInt64] {
        // r2 = type, r3 = access, r4 = major, r5 = minor
        var program: [UInt64] = [
            instruction(0x61, 2, 1, 0),  // r2 = *(u32 *)(r1 + 0)
            instruction(0xbc, 3, 2),  // w3 = w2
            instruction(0x54, 2, 0, 0, 0xffff),  // w2 &= 0xffff
            instruction(0x74, 3, 0, 0, 16),  // w3 >>= 16
            instruction(0x61, 4, 1, 4),  // r4 = major
            instruction(0x61, 5, 1, 8),  // r5 = minor
        ]
        var isDecided = false
        for rule in rules.reversed() {
            var checks: [(UInt8, UInt8, Int32)] = []
            // BPF_DEVCG_DEV_BLOCK 1, BPF_DEVCG_DEV_CHAR 2; 0x56 is `if w != imm`, 0x16 `if w == imm`.
            if rule.kind != .all { checks.append((0x56, 2, rule.kind == .block ? 1 : 2)) }
            if let major = rule.major { checks.append((0x56, 4, Int32(bitPattern: major))) }
            if let minor = rule.minor { checks.append((0x56, 5, Int32(bitPattern: minor))) }
            let asksAccess = rule.access != .all
            let length = checks.count + (asksAccess ? 3 : 0) + 2
            var part: [UInt64] = []
            for check in checks {
                part.append(instruction(check.0, check.1, 0, Int16(length - part.count - 1), check.2))
            }
            if asksAccess {
                part.append(instruction(0xbc, 1, 3))  // w1 = w3
                if rule.allow {
                    part.append(instruction(0x54, 1, 0, 0, Int32(~rule.access.rawValue & 7)))
                    part.append(instruction(0x56, 1, 0, Int16(length - part.count - 1), 0))
                } else {
                    part.append(instruction(0x54, 1, 0, 0, Int32(rule.access.rawValue)))
                    part.append(instruction(0x16, 1, 0, Int16(length - part.count - 1), 0))
                }
            }
            part.append(instruction(0xb4, 0, 0, 0, rule.allow ? 1 : 0))
            part.append(instruction(0x95))
            program += part
            // The verifier refuses unreachable instructions.
            if checks.isEmpty && !asksAccess {
                isDecided = true
                break
            }
        }
        if !isDecided { program += [instruction(0xb4, 0, 0, 0, 0), instruction(0x95)] }
        return program
    }
}
