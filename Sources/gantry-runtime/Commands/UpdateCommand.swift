internal import ByteText
internal import Cgroups
internal import Glibc
internal import JSON
internal import Runtime

/// `update`: converts flags to the OCI document of `--resources`, so that both are applied by the same code.
enum UpdateCommand {
    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        let resources: JSON
        if let path = options.value("resources") {
            do {
                resources = try JSON.parse(try Files.read(path == "-" ? "/dev/stdin" : path))
            } catch {
                throw LaunchFailure("resources \(path): \(error)")
            }
        } else {
            resources = try document(options)
        }
        for name in ["l3-cache-schema", "mem-bw-schema"] where options.value(name) != nil {
            throw LaunchFailure("--\(name): Intel RDT is not supported")
        }
        guard record.status(context.root) != .stopped else {
            throw LaunchFailure("container not running: \(record.id)")
        }
        let limits = try CgroupLimits(oci: resources)
        let cgroup = try record.limited()
        try record.scope?.change(limits, cgroup)
        do throws(CgroupError) {
            try cgroup.apply(limits, .strict)
        } catch {
            throw LaunchFailure(error.description)
        }
        return 0
    }

    private static func document(_ options: Options) throws(LaunchFailure) -> JSON {
        var memory = JSONObject()
        var cpu = JSONObject()
        for (flag, key) in [
            ("memory", "limit"), ("memory-swap", "swap"), ("memory-reservation", "reservation"),
            ("kernel-memory", "kernel"), ("kernel-memory-tcp", "kernelTCP"),
        ] {
            if let text = options.value(flag) { memory[key] = JSON(try bytes(text, flag)) }
        }
        for (flag, key) in [
            ("cpu-period", "period"), ("cpu-quota", "quota"), ("cpu-burst", "burst"), ("cpu-share", "shares"),
            ("cpu-rt-period", "realtimePeriod"), ("cpu-rt-runtime", "realtimeRuntime"), ("cpu-idle", "idle"),
        ] {
            if let number = try options.number(flag) { cpu[key] = JSON(number) }
        }
        for (flag, key) in [("cpuset-cpus", "cpus"), ("cpuset-mems", "mems")] {
            if let text = options.value(flag) { cpu[key] = .string(text) }
        }
        var resources = JSONObject([("memory", .object(memory)), ("cpu", .object(cpu))])
        if let number = try options.number("pids-limit") { resources["pids"] = ["limit": JSON(number)] }
        if let number = try options.number("blkio-weight") { resources["blockIO"] = ["weight": JSON(number)] }
        return .object(resources)
    }

    /// `1048576`, `100M`, `1.5g`, `512KiB`; -1 is unlimited.
    static func bytes(_ text: String, _ flag: String) throws(LaunchFailure) -> Int64 {
        if text == "-1" { return -1 }
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        var unit = text.dropFirst(digits.count).lowercased()
        if unit.hasBytePrefix(" ") { unit.removeFirst() }
        let shifts: [String: Int] = [
            "": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30,
            "t": 40, "tb": 40, "tib": 40, "p": 50, "pb": 50, "pib": 50,
        ]
        if let shift = shifts[unit] {
            if let whole = Int64(digits), whole <= Int64.max >> Int64(shift) { return whole << Int64(shift) }
            if let part = Double(digits), part * Double(Int64(1) << Int64(shift)) < 9e18, digits.contains(byte: ".") {
                return Int64(part * Double(Int64(1) << Int64(shift)))
            }
        }
        throw LaunchFailure("invalid value for --\(flag): '\(text)' is not a size")
    }
}
