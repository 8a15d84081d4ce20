internal import CLinux
internal import Glibc
internal import Linux

extension Cgroup {
    /// Replaces the device rules of the cgroup.
    package func set(devices rules: [DeviceRule], isNew: Bool = false) throws(CgroupError) {
        if let path = path(of: "devices") {
            let list = try DeviceList(rules)
            // A new cgroup inherits its parent's rules, which usually allow everything.
            if list.allowsAll, list.exceptions.isEmpty, isNew, ControlFile.word(path + "/devices.list") == "a *:* rwm" {
                return
            }
            try ControlFile.put("a", list.allowsAll ? "devices.allow" : "devices.deny", in: path)
            guard !list.exceptions.isEmpty else { return }
            let name = list.allowsAll ? "devices.deny" : "devices.allow"
            try ControlFile.put(each: list.exceptions.map(\.line), name, in: path)
            return
        }
        guard hierarchy.mode == .v2, let unifiedPath else { return }
        // Merges rules as version 1 does: read and write allowed separately means both are allowed.
        let merged = (try? DeviceList(rules))?.rules ?? rules
        try Self.filter(merged, unifiedPath, isNew: isNew)
    }

    /// Loads the BPF program and attaches it beside others; the kernel keeps it as long as the cgroup. An earlier program of this
    /// package is detached, because a device must be allowed by all attached programs.
    private static func filter(_ rules: [DeviceRule], _ path: String, isNew: Bool) throws(CgroupError) {
        let folder: Descriptor
        do throws(SystemError) {
            folder = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
        } catch {
            throw CgroupError("open", path, code: error.code)
        }
        let program = DeviceProgram.assemble(rules)
        let loaded = linux_load_device_program(program, program.count)
        guard loaded >= 0 else {
            // Unprivileged users cannot load programs, but cannot create devices either.
            if loaded == -EPERM && !ProcessCredentials.areOfRoot { return }
            throw CgroupError("load the device filter", path, code: -loaded)
        }
        let handle = Descriptor(owning: loaded)
        var before = [Int32](repeating: -1, count: 64)
        let count = isNew ? 0 : Int(linux_own_device_programs(folder.raw, &before, Int32(before.count)))
        defer { for index in 0..<max(0, count) { close(before[index]) } }
        guard count >= 0 else { throw CgroupError("list the device filters", path, code: Int32(-count)) }
        let result = linux_attach_device_program(folder.raw, handle.raw)
        if result < 0 { throw CgroupError("attach the device filter", path, code: -result) }
        for index in 0..<count {
            let result = linux_detach_device_program(folder.raw, before[index])
            if result < 0 { throw CgroupError("detach the former device filter", path, code: -result) }
        }
    }
}
