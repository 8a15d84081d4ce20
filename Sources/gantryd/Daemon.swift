internal import ByteText
internal import APIServer
internal import DockerAPI
internal import Engine
internal import Glibc
internal import HTTP
internal import Images
internal import Linux
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Networking
internal import OCI
internal import Store
internal import Synchronization

/// Builds the daemon: its modules from the lowest layer up, then the sockets.
struct Daemon {
    let configuration: DaemonConfiguration
    let log: Logger

    /// Returns after a signal asked it to stop. Containers go on.
    func run() async throws {
        let signals = StopSignal()
        raiseFileLimit()
        let (dataRoot, execRoot) = (configuration.engine.dataRoot, configuration.engine.execRoot)
        try RootDirectory.prepare(dataRoot, mode: 0o710, setting: "data-root")
        try RootDirectory.prepare(execRoot, mode: 0o711, setting: "exec-root")
        try makeDirectories(parent(of: configuration.pidfile), mode: 0o755)
        let locks = try [configuration.pidfile, dataRoot + "/daemon.lock", execRoot + "/daemon.lock"]
            .map { try PidFile.take($0) }
        defer { withExtendedLifetime(locks) {} }
        for key in configuration.unused { log.warning("the setting \(key) is not used by this release") }

        let sockets = try configuration.hosts.flatMap(listen)
        let database = try StateDatabase(path: dataRoot + "/gantry.db", migrations: Schema.migrations)
        let journal = LateEngine()
        var options = configuration.images
        options.report = { [log] in log.warning("\($0)") }
        let images = try await ImageService(
            root: dataRoot, database: database, options: options, onEvent: journal.publish)
        let networks = NetworkService(configuration: configuration.network)
        try await networks.start()
        let engine = try Engine(
            configuration: configuration.engine, database: database, images: images, snapshots: images.snapshots,
            networks: networks, log: log)
        journal.connect(engine)
        try await engine.restore()
        await networks.watchRules { log.warning("\($0)") }

        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let api = APIServer(engine: engine, images: images, logger: log, names: names)
        let server = HTTPServer(group: group, handler: api.handle)
        for socket in sockets {
            try await server.serve(socket)
            log.info("API listen on \(socket.name)")
        }

        let quiet = Task { await releaseWhenQuiet(server) }
        let number = await signals.wait()
        quiet.cancel()
        log.info("stopping after signal \(number); containers go on")
        await server.shutdown(grace: configuration.shutdownTime)
        await engine.shutdown(grace: configuration.shutdownTime)
        await networks.stop()
        await images.shutdown()
        try? await group.shutdownGracefully()
        log.info("stopped")
    }

    /// Gives memory back once after the start, and after every burst of work.
    private func releaseWhenQuiet(_ server: HTTPServer) async {
        var pause = Duration.seconds(1)
        while !Task.isCancelled {
            let seen = server.acceptedConnections
            // timer: nothing came for so long.
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            if server.acceptedConnections > seen { continue }
            StartupPages.release()
            pause = .seconds(15)
            await server.accepted(moreThan: seen)
        }
    }

    // MARK: Sockets

    /// What clients call this machine: its own name, and those that it was told to listen under.
    private var names: [String] {
        var system = utsname()
        uname(&system)
        let own = withUnsafeBytes(of: system.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return [own]
            + configuration.hosts.compactMap { $0.dropping(prefix: "tcp://") }.map { String($0.prefix(untilByte: ":")) }
    }

    private func listen(_ host: String) throws -> [ListeningSocket] {
        if let path = host.dropping(prefix: "unix://").map({ String($0) }) {
            let path = path.isEmpty ? "/run/gantry/gantry.sock" : path
            try makeDirectories(parent(of: path), mode: 0o755)
            return [try ListeningSocket.unix(path, group: try socketGroup())]
        }
        if let address = host.dropping(prefix: "tcp://").map({ String($0) }) {
            let (name, port) = try Self.split(address, host)
            log.warning("listening on \(host) without TLS: whoever reaches it is root on this machine")
            return [try ListeningSocket.tcp(host: name, port: port)]
        }
        if host.hasBytePrefix("fd://") { return try inheritedSockets() }
        throw DaemonError("invalid host \(host): it is unix:///path, tcp://address:port or fd://")
    }

    private static func split(_ address: String, _ host: String) throws -> (String, UInt16) {
        let colon = address.lastIndex { $0 == ":" }
        let hasPort = colon.map { !address[$0...].contains(byte: "]") } ?? false
        let name = hasPort ? String(address[..<(colon ?? address.endIndex)]) : address
        let text = hasPort ? address[(colon ?? address.startIndex)...].dropFirst() : "2375"
        guard let port = UInt16(text) else { throw DaemonError("invalid host \(host): the port is no number") }
        return (name.filter { $0 != "[" && $0 != "]" }, port)
    }

    /// Socket activation: descriptors from 3 on (sd_listen_fds(3)).
    private func inheritedSockets() throws -> [ListeningSocket] {
        let pid = getenv("LISTEN_PID").flatMap { Int32(String(cString: $0)) }
        let count = getenv("LISTEN_FDS").flatMap { Int32(String(cString: $0)) } ?? 0
        guard pid == getpid(), (1...1024).contains(count) else {
            throw DaemonError("fd:// needs a socket from the service manager, and there is none")
        }
        return (3..<(3 + count)).map { number in
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
            return ListeningSocket.inherited(number)
        }
    }

    /// The group that was named, else `gantry` when there is one.
    private func socketGroup() throws -> gid_t? {
        if let entry = getgrnam(configuration.group ?? "gantry") { return entry.pointee.gr_gid }
        guard let name = configuration.group else { return nil }
        if let number = gid_t(name) { return number }
        throw DaemonError("group \(name) does not exist; make it with: groupadd \(name)")
    }

    // MARK: Process

    /// Every container and client costs descriptors.
    private func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = min(limit.rlim_max, 1 << 20)
        if setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) != 0 { log.debug("the limit of open files stays as it is") }
    }

    private func parent(of path: String) -> String {
        path.lastIndex(ofByte: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    private func makeDirectories(_ path: String, mode: mode_t) throws {
        do throws(SystemError) {
            try Directory.make(path, mode: mode)
        } catch {
            throw DaemonError("cannot make \(path): \(error.reason)")
        }
    }
}

/// Takes the events of images before the engine is there.
private final class LateEngine: Sendable {
    private let engine = Mutex<Engine?>(nil)

    func connect(_ engine: Engine) {
        self.engine.withLock { $0 = engine }
    }

    @Sendable func publish(_ event: ImageEvent) {
        let message = EventMessage(
            Type: "image", Action: event.action.rawValue,
            Actor: EventMessage.Actor(ID: event.id, Attributes: ["name": event.name]),
            timeNano: Timestamp.now().unixNanoseconds)
        engine.withLock { $0 }?.publish(message)
    }
}
