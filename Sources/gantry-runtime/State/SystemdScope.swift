internal import ByteText
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// The transient scope (systemd.scope(5)) of a container's cgroup, when systemd manages cgroups.
///
/// Uses systemd's command line programs, with the system's manager for root and the user's manager otherwise. libsystemd is not
/// an option: a static executable can load a library only with the very glibc it was linked with.
struct SystemdScope: Equatable {
    let unit: String
    /// In the user's manager instead of the system's.
    let isOfUser: Bool

    /// Whether systemd is the init system (sd_booted(3)).
    static var isThere: Bool { access("/run/systemd/system", F_OK) == 0 }

    init(unit: String, isOfUser: Bool) { (self.unit, self.isOfUser) = (unit, isOfUser) }

    /// The scope of a new container; nil without systemd.
    init?(_ configuration: BundleConfiguration, _ id: String, _ context: RuntimeProgram.Context) throws(LaunchFailure) {
        guard context.namesSlices, Self.isThere else { return nil }
        isOfUser = !RuntimeProgram.isRoot
        unit = try Self.name(configuration, id, isOfUser: isOfUser).unit
        guard unit.hasByteSuffix(".scope") else {
            throw LaunchFailure("\(unit): a slice has no processes of its own; name a scope within it")
        }
    }

    private static func name(
        _ configuration: BundleConfiguration, _ id: String, isOfUser: Bool
    ) throws(LaunchFailure) -> SystemdName {
        do throws(CgroupError) {
            return try SystemdName(
                configuration.cgroupsPath ?? ":gantry-runtime:\(id)",
                defaultSlice: isOfUser ? "user.slice" : "system.slice")
        } catch {
            throw LaunchFailure(error.description)
        }
    }

    /// As in runc: accounting for all resources and no dependencies that would stop it early, then limits and the properties in
    /// the bundle's annotations.
    private static func properties(_ configuration: BundleConfiguration) throws(LaunchFailure) -> [String] {
        do throws(CgroupError) {
            let hierarchy = try HostCgroups.hierarchy.get()
            var result = ["Delegate=yes", "DefaultDependencies=no", "MemoryAccounting=yes", "CPUAccounting=yes"]
            result += [hierarchy.mode == .v2 ? "IOAccounting=yes" : "BlockIOAccounting=yes", "TasksAccounting=yes"]
            result += try configuration.limits.unitProperties(in: hierarchy)
            result += configuration.limits.unitDeviceProperties(in: hierarchy)
            let prefix = "org.systemd.property."
            for (key, value) in configuration.annotations {
                guard let name = key.dropping(prefix: prefix) else { continue }
                result.append(try UnitProperty.assignment(String(name), value.stringValue ?? ""))
            }
            return result
        } catch {
            throw LaunchFailure(error.description)
        }
    }

    /// Creates the scope with a placeholder process, and finds its cgroup.
    func start(
        _ configuration: BundleConfiguration, _ id: String, _ log: Log
    ) throws(LaunchFailure) -> (placeholder: ScopePlaceholder, cgroup: Cgroup) {
        let slice = try Self.name(configuration, id, isOfUser: isOfUser).slice
        var words = ["--scope", "--quiet", "--no-ask-password", "--unit=" + unit, "--slice=" + slice]
        words += try Self.properties(configuration).map { "--property=" + $0 }
        words += ["--description=container " + id, "--", "cat"]
        let placeholder: ScopePlaceholder
        do throws(LaunchFailure) {
            placeholder = try ScopePlaceholder(manager + words, log)
        } catch {
            // A failed unit of that name blocks a new one, as runc knows too.
            guard let failure = try? control("reset-failed", "--", unit), failure.isEmpty else { throw error }
            placeholder = try ScopePlaceholder(manager + words, log)
        }
        guard var cgroup = try? HostCgroups.hierarchy.get().unitCgroup(of: placeholder.pid),
            cgroup.name.hasByteSuffix("/" + unit)
        else { throw LaunchFailure("systemd has started \(unit), but its cgroup is not to be found") }
        cgroup.isUnit = true
        return (placeholder, cgroup)
    }

    /// Passes changed limits to systemd before they are written, so that systemd does not revert them.
    func change(_ limits: CgroupLimits, _ cgroup: Cgroup) throws(LaunchFailure) {
        let properties: [String]
        do throws(CgroupError) {
            properties = try limits.unitProperties(in: cgroup.hierarchy, changing: cgroup)
        } catch {
            throw LaunchFailure(error.description)
        }
        guard !properties.isEmpty else { return }
        let failure = try control(["set-property", "--runtime", "--", unit] + properties)
        if !failure.isEmpty { throw LaunchFailure("set properties of \(unit): \(failure)") }
    }

    /// Stops the scope, which removes systemd's cgroup. No error when it does not exist.
    func stop(_ log: Log) {
        do throws(LaunchFailure) {
            let failure = try control("stop", "--", unit)
            if !failure.isEmpty { log.write(.debug, "stop \(unit): \(failure)") }
            // A failed unit would stay in systemd's list.
            _ = try control("reset-failed", "--", unit)
        } catch {
            log.write(.warning, "stop \(unit): \(error.message)")
        }
    }

    private var manager: [String] { isOfUser ? ["--user"] : [] }

    private func control(_ words: String...) throws(LaunchFailure) -> String { try control(words) }

    /// The error text of systemctl(1); empty on success.
    private func control(_ words: [String]) throws(LaunchFailure) -> String {
        let (output, code) = try HostProgram.capture("systemctl", manager + ["--no-ask-password"] + words, errors: true)
        return code == 0 ? "" : HostProgram.reason(output, code)
    }
}

/// A placeholder process that keeps a new scope alive until the container's process joins, because systemd removes empty scopes.
/// It echoes its input, so an echoed byte shows that the scope exists.
final class ScopePlaceholder {
    let pid: pid_t
    private let channel: Descriptor
    private var isThere = true

    init(_ words: [String], _ log: Log) throws(LaunchFailure) {
        var child: pid_t = 0
        channel = try HostProgram.channel("systemd-run", SOCK_STREAM).keepFirst { (end) throws(LaunchFailure) in
            do throws(LaunchFailure) {
                child = try HostProgram.spawn("systemd-run", words, input: end.raw, output: end.raw, error: end.raw)
            } catch {
                throw LaunchFailure("\(error.message); --systemd-cgroup speaks to systemd through it")
            }
        }
        pid = child
        var said: [UInt8] = []
        var byte: UInt8 = 0
        send(channel.raw, &byte, 1, Int32(MSG_NOSIGNAL))
        var buffer = [UInt8](repeating: 0, count: 4096)
        while said.last != 0 {
            let count = read(channel.raw, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            said += buffer[..<count]
        }
        guard said.popLast() == 0 else {
            let text = String(decoding: said, as: UTF8.self)
            throw LaunchFailure("systemd-run: \(HostProgram.reason(text, end()))")
        }
        if !said.isEmpty { log.write(.debug, "systemd-run: \(String(decoding: said, as: UTF8.self))") }
    }

    /// Ends the process and waits for it; returns its exit code.
    @discardableResult
    func end() -> Int32 {
        guard isThere else { return 0 }
        isThere = false
        // Other processes may hold this end too.
        shutdown(channel.raw, Int32(SHUT_WR))
        return HostProgram.wait(pid)
    }

    deinit { end() }
}
