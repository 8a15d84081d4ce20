internal import CLinux
internal import Glibc
package import Linux

/// A network namespace with its loopback up, made on a thread of its own: no other namespace takes as long, and the caller
/// has a bundle to read and a process to clone. The thread makes system calls and nothing else, so that a process that is
/// cloned meanwhile finds no lock of the C library's taken.
package struct NetworkAhead: ~Copyable {
    private let thread: pthread_t
    private let result: UnsafeMutablePointer<Int32>

    private init(_ thread: pthread_t, _ result: UnsafeMutablePointer<Int32>) {
        self.thread = thread
        self.result = result
    }

    /// Nil when the container is to have no network namespace of its own, or one that a user namespace owns.
    package static func start(for choices: NamespaceChoices) throws(LaunchFailure) -> NetworkAhead? {
        guard choices.network.isNew, !choices.needStage else { return nil }
        let result = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        result.initialize(to: -1)
        var thread = pthread_t()
        do throws(LaunchFailure) {
            let started = Processors.withOthers {
                linux_start_network_namespace(&thread, result, $0.baseAddress, $0.count)
            }
            try step("start a thread", started)
        } catch {
            result.deallocate()
            throw error
        }
        return NetworkAhead(thread, result)
    }

    deinit {
        pthread_join(thread, nil)
        if result.pointee >= 0 { close(result.pointee) }
        result.deallocate()
    }

    /// Waits until it is made.
    package consuming func take() throws(LaunchFailure) -> Descriptor {
        pthread_join(thread, nil)
        let handle = result.pointee
        result.deallocate()
        discard self
        return Descriptor(owning: try step("make the network namespace", handle))
    }
}
