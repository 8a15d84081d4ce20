internal import CLinux
internal import Glibc
internal import Linux

/// The child's ends of its standard streams.
package struct ChildStreams: Sendable {
    /// Pipe ends; -1 for /dev/null. Unused with a terminal.
    package var input: Int32
    package var output: Int32
    package var error: Int32
    /// How many further descriptors of the caller, from 3 on, are passed to the program (`--preserve-fds`).
    package var preserved: Int32 = 0

    package init(input: Int32 = -1, output: Int32 = -1, error: Int32 = -1) {
        self.input = input
        self.output = output
        self.error = error
    }

    /// Installs them as 0, 1 and 2. `null` replaces missing ones and the host's null device, whose mount is not in the container:
    /// criu could not restore it (runc's reOpenDevNull).
    func install(null: Int32) throws(LaunchFailure) {
        for (number, handle) in [(Int32(0), input), (1, output), (2, error)] {
            try libraryStep("set standard stream \(number)", dup2(isNull(handle) ? null : handle, number))
        }
    }

    /// Whether ``install(null:)`` needs a null device.
    var needNull: Bool { isNull(input) || isNull(output) || isNull(error) }

    private func isNull(_ handle: Int32) -> Bool { handle < 0 || NullDevice.isNull(handle) }
}

/// The terminal of a container's process.
enum Terminal {
    /// Opens a terminal of the `/dev/pts` in `root`, makes it the controlling terminal if `takesControl`, and sends its
    /// controlling side to the monitor. Returns its number. The file system must be devpts; anything else is hostile
    /// (CVE-2025-52565).
    static func install(
        root: ContainerRoot, process: ProcessSpec, status: Int32, takesControl: Bool = true
    ) throws(LaunchFailure) -> Int32 {
        let found = root.find("dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)
        let master: Descriptor
        if found >= 0, linux_filesystem_magic(found) == linux_DEVPTS_SUPER_MAGIC {
            master = Descriptor(owning: found)
        } else {
            if found >= 0 { close(found) }
            throw LaunchFailure("open a terminal: the container has no devpts file system on /dev/pts")
        }
        try step("unlock the terminal", linux_terminal_unlock(master.raw))
        let number = try step("number the terminal", linux_terminal_number(master.raw))
        let peer = Descriptor(owning: try step("open the terminal", linux_terminal_peer(master.raw)))
        if process.columns > 0 || process.rows > 0 {
            _ = linux_terminal_resize(master.raw, process.columns, process.rows)
        }
        if takesControl { try step("take the terminal", linux_terminal_control(peer.raw)) }
        for target: Int32 in 0...2 { try libraryStep("set standard stream \(target)", dup2(peer.raw, target)) }
        StatusMessage.terminal.send(on: status, descriptor: master.raw)
        return number
    }
}
