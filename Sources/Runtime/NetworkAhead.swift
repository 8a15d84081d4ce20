internal import CLinux
internal import Glibc
package import Linux

/// A network namespace, made on a thread of its own: no other namespace takes as long, and the caller has a bundle to read and
/// a process to clone. The thread makes system calls and nothing else, so that a process that is cloned meanwhile finds no
/// lock of the C library's taken.
package struct NetworkAhead: ~Copyable {
    /// Of the thread's stack: it calls a few functions of the C library, which would map a larger one and protect it.
    private static let stackSize = 64 << 10

    private let thread: pthread_t
    private let stack: UnsafeMutableRawPointer
    /// A socket of it, or -errno; nil until the thread has ended.
    private var made: Int32?

    private init(_ thread: pthread_t, _ stack: UnsafeMutableRawPointer) {
        self.thread = thread
        self.stack = stack
    }

    /// Whether a container is to have a network namespace of its own, not one that a user namespace owns.
    package static func isWanted(_ choices: NamespaceChoices) -> Bool { choices.network.isNew && !choices.needStage }

    /// The same as far as the text of a bundle's configuration shows it at a glance, which is some time before it is read:
    /// `"network"` is the last word of an object, so that no path follows.
    package static func isLikely(_ text: [UInt8]) -> Bool {
        let word = Array("\"network\"".utf8)
        return text.withUnsafeBytes { text in
            let found = linux_find(text.baseAddress, text.count, word, word.count)
            guard found >= 0 else { return false }
            let next = text[(found + word.count)...].first { $0 != 0x20 && !(0x09...0x0d).contains($0) }
            return next == UInt8(ascii: "}")
        }
    }

    /// Where that fails because the caller may not, ``namespace()`` says so.
    package static func start() throws(LaunchFailure) -> NetworkAhead {
        let stack = UnsafeMutableRawPointer.allocate(byteCount: stackSize, alignment: 16)
        var thread = pthread_t()
        do throws(LaunchFailure) {
            let started = Processors.withOthers {
                linux_start_network_namespace(&thread, stack, stackSize, $0.baseAddress, $0.count)
            }
            try step("start a thread", started)
        } catch {
            stack.deallocate()
            throw error
        }
        return NetworkAhead(thread, stack)
    }

    deinit {
        if let socket = made ?? Self.join(thread, waits: true), socket >= 0 { close(socket) }
        stack.deallocate()
    }

    private static func join(_ thread: pthread_t, waits: Bool) -> Int32? {
        var result: Int32 = -1
        return linux_join_network_thread(thread, waits ? 1 : 0, &result) == 0 ? result : nil
    }

    /// Whether it is made: ``namespace()`` does not have to wait.
    package var isMade: Bool {
        mutating get {
            made = made ?? Self.join(thread, waits: false)
            return made != nil
        }
    }

    /// Waits until it is made. Nothing is up in it yet.
    package mutating func namespace() throws(LaunchFailure) -> Descriptor {
        Descriptor(owning: try step("find the network namespace", linux_network_namespace_of(socket())))
    }

    package mutating func bringLoopbackUp() throws(LaunchFailure) {
        try step("bring the loopback link up", linux_loopback_up_of(socket()))
    }

    private mutating func socket() throws(LaunchFailure) -> Int32 {
        made = made ?? Self.join(thread, waits: true)
        return try step("make the network namespace", made ?? -ESRCH)
    }
}
