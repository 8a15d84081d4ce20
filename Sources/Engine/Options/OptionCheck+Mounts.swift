internal import ByteText
internal import DockerAPI
internal import JSON
internal import Runtime

extension OptionCheck {
    /// `Mounts`: the options that each type has in Docker, and of these the ones that are honoured.
    mutating func checkMounts() throws(EngineError) {
        for target in (host.Tmpfs ?? [:]).keys.sorted() {
            if BindPlan.cleaned(target) == "/", target.isEmpty || target.hasBytePrefix("/") {
                throw .invalid("invalid specification: destination can't be '/'")
            }
            guard target.hasBytePrefix("/") else {
                throw .invalid("invalid mount path: '\(target)' mount path must be absolute")
            }
        }
        for mount in host.Mounts ?? [] {
            try Self.check(mount)
            if !["", "default", "consistent"].contains(mount.Consistency ?? "") {
                addWarning("The consistency of mounts has no effect on linux.")
            }
        }
    }

    private static func check(_ mount: MountRequest) throws(EngineError) {
        let type = mount.`Type`
        func refuse(_ why: String) -> EngineError {
            .invalid("invalid mount config for type \(quoted(type)): \(why)")
        }
        func exclude(_ name: String, _ owner: String, _ isGiven: Bool) throws(EngineError) {
            if isGiven, type != owner { throw refuse("field \(name) must not be specified") }
        }
        guard type == "bind" || type == "tmpfs" else {
            guard ["volume", "image", "cluster"].contains(type) else { throw refuse("mount type unknown") }
            throw .invalid("mount type \(type) is not available yet; use bind or tmpfs")
        }
        try exclude("BindOptions", "bind", mount.BindOptions.map { $0 != BindOptions() } ?? false)
        try exclude("VolumeOptions", "volume", isGiven(mount.VolumeOptions))
        try exclude("ImageOptions", "image", isGiven(mount.ImageOptions))
        try exclude("TmpfsOptions", "tmpfs", mount.TmpfsOptions.map { $0 != TmpfsOptions() } ?? false)
        if mount.Target.isEmpty { throw refuse("field Target must not be empty") }
        guard mount.Target.hasBytePrefix("/") else {
            throw refuse("invalid mount path: '\(mount.Target)' mount path must be absolute")
        }
        if BindPlan.cleaned(mount.Target) == "/" { throw refuse("invalid specification: destination can't be '/'") }
        if type == "tmpfs" {
            if !(mount.Source ?? "").isEmpty { throw refuse("field Source must not be specified") }
            for option in mount.TmpfsOptions?.Options ?? [] {
                guard option.count == 1, ["exec", "noexec"].contains(option[0]) else {
                    throw refuse("invalid option: \(option.joined(separator: "="))")
                }
            }
            if (mount.TmpfsOptions?.SizeBytes ?? 0) < 0 { throw refuse("the size of a tmpfs must not be negative") }
            return
        }
        let options = mount.BindOptions ?? BindOptions()
        let propagation = options.Propagation ?? ""
        guard propagation.isEmpty || MountPropagation.ofDocker.contains(propagation) else {
            throw refuse("invalid propagation mode: \(propagation)")
        }
        if mount.ReadOnly != true {
            for (name, isAsked) in [
                ("ReadOnlyNonRecursive", options.ReadOnlyNonRecursive),
                ("ReadOnlyForceRecursive", options.ReadOnlyForceRecursive),
            ] where isAsked == true { throw refuse("options conflict: Writable && \(name)") }
        }
        if options.ReadOnlyNonRecursive == true, options.ReadOnlyForceRecursive == true {
            throw refuse("options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive")
        }
    }

    /// An empty object asks for nothing.
    private static func isGiven(_ options: JSON?) -> Bool {
        guard let options, !options.isNull else { return false }
        return options.objectValue?.isEmpty != true
    }
}

extension MountPropagation {
    fileprivate static let ofDocker: Set = ["private", "rprivate", "slave", "rslave", "shared", "rshared"]
}

extension MountSpec {
    /// What `--mount type=bind` says beyond source, target and propagation, and what holds where it says nothing.
    mutating func apply(_ options: BindOptions?, readOnlyIsRecursive: Bool) {
        if options?.NonRecursive == true { flags.insert(.nonRecursive) }
        guard flags.contains(.readOnly) else { return }
        let isAsked = options?.ReadOnlyForceRecursive == true
        let isUsual = readOnlyIsRecursive && options?.ReadOnlyNonRecursive != true
        // Also everything that is mounted beneath, or the start fails.
        if isAsked || isUsual { recursive = MountAttributes(on: .readOnly) }
    }
}
