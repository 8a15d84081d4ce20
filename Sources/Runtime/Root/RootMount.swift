internal import CLinux
internal import Glibc
internal import Linux

/// The mount of a container's root, created before its mount namespace exists.
package enum RootMount {
    /// A detached private copy of the mount at a host path, owned by the caller. -1 when the caller may not mount: the
    /// container's process then makes the copy in its user namespace.
    package static func open(
        _ path: String, _ propagation: MountPropagation = .rprivate
    ) throws(LaunchFailure) -> Int32 {
        if linux_permitted_capabilities() & Capability.mask(["SYS_ADMIN"]) == 0 { return -1 }
        return try copy(path, propagation)
    }

    /// Never shared with the host; `propagation` beyond that is applied when the root is entered.
    static func copy(_ path: String, _ propagation: MountPropagation) throws(LaunchFailure) -> Int32 {
        guard !path.isEmpty else { throw LaunchFailure("the launch has no root file system") }
        let isSlave = propagation == .slave || propagation == .rslave
        return try MountBuilder.bind(path, flags: [], propagation: isSlave ? .rslave : .rprivate).release()
    }
}
