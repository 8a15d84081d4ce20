internal import CLinux
internal import Glibc
internal import Linux
internal import MonitorProtocol
internal import Synchronization

/// One thread that waits for the messages of all monitors, and reaps those this process started.
package final class MonitorReactor: Sendable {
    private final class Entry: Sendable {
        let link: MonitorLink
        let socket: SharedDescriptor
        let process: SharedDescriptor?
        let handler: @Sendable (MonitorEvent) -> Void

        init(
            _ link: MonitorLink, _ socket: SharedDescriptor, _ process: SharedDescriptor?,
            _ handler: @escaping @Sendable (MonitorEvent) -> Void
        ) {
            self.link = link
            self.socket = socket
            self.process = process
            self.handler = handler
        }
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        var processes: [UInt64: SharedDescriptor] = [:]
        var next: UInt64 = 2
    }

    private let poller: SharedDescriptor
    private let wake: SharedDescriptor
    private let state = Mutex(State())

    package init() throws {
        poller = SharedDescriptor(
            Descriptor(owning: Int32(try checking("epoll_create1") { Int(linux_epoll_create()) })))
        wake = SharedDescriptor(
            Descriptor(owning: Int32(try checking("eventfd") { Int(linux_eventfd()) })))
        try watch(wake.raw, 1)
        var thread = pthread_t()
        let box = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<MonitorReactor>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        if result != 0 {
            box.release()
            throw SystemError("pthread_create", code: result)
        }
        pthread_detach(thread)
    }

    /// Ends the thread; no handler is called afterwards.
    package func stop() {
        var one: UInt64 = 1
        _ = write(wake.raw, &one, 8)
    }

    private func watch(_ descriptor: Int32, _ key: UInt64) throws(SystemError) {
        try checking("epoll_ctl") { Int(linux_epoll_add(poller.raw, descriptor, key)) }
    }

    func add(
        _ link: MonitorLink, socket: SharedDescriptor, process: SharedDescriptor?,
        handler: @escaping @Sendable (MonitorEvent) -> Void
    ) {
        let entry = Entry(link, socket, process, handler)
        let key = state.withLock { state -> UInt64 in
            let key = state.next
            state.next += 2
            state.entries[key] = entry
            if let process { state.processes[key + 1] = process }
            return key
        }
        do {
            if let process { try watch(process.raw, key + 1) }
            try watch(socket.raw, key)
        } catch {
            _ = state.withLock { $0.entries.removeValue(forKey: key) }
            handler(.closed)
        }
    }

    private func run() {
        var keys = [UInt64](repeating: 0, count: 64)
        while true {
            let count = linux_epoll_wait(poller.raw, &keys, Int32(keys.count), -1)
            if count < 0 && count != -EINTR { return }
            for index in 0..<max(0, Int(count)) {
                let key = keys[index]
                if key == 1 { return }
                if key % 2 == 1 { reap(key) } else { receive(key) }
            }
        }
    }

    private func reap(_ key: UInt64) {
        guard let process = state.withLock({ $0.processes[key] }) else { return }
        var value: Int32 = 0
        guard linux_wait(process.raw, &value) != 0 else { return }
        _ = linux_epoll_remove(poller.raw, process.raw)
        _ = state.withLock { $0.processes.removeValue(forKey: key) }
    }

    private func receive(_ key: UInt64) {
        guard let entry = state.withLock({ $0.entries[key] }) else { return }
        var bytes = [UInt8](repeating: 0, count: Message.limit)
        while true {
            var none: Int32 = -1
            var count = 0
            let received = linux_receive_message(
                entry.socket.raw, &bytes, bytes.count, &none, &count, Int32(MSG_DONTWAIT))
            if received == -Int(EAGAIN) { return }
            if received == -Int(EMSGSIZE) {
                entry.handler(.notUnderstood(MessageError.tooLong.description))
                continue
            }
            if received == -Int(EINTR) { continue }
            guard received > 0 else { break }
            let message = Array(bytes[..<received])
            entry.link.learn(Dialect(ofMessage: message), entry.handler)
            do throws(MessageError) {
                entry.handler(try MonitorEvent(decoding: message))
            } catch {
                entry.handler(.notUnderstood("\(error)"))
            }
        }
        _ = linux_epoll_remove(poller.raw, entry.socket.raw)
        _ = state.withLock { $0.entries.removeValue(forKey: key) }
        entry.link.forgetWaiting()
        entry.handler(.closed)
    }
}
