internal import ByteText
internal import AsyncHTTPClient
internal import Linux
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
package import OCI
internal import Synchronization

/// The HTTP connections to all registries.
package final class RegistryClient: Sendable {
    let options: RegistryOptions
    let tokens = TokenCache()
    /// One client for the system's certificate authorities, others for registries with their own certificates or proxies.
    private let connections = Mutex<[Way: HTTPClient]>([:])

    private struct Way: Hashable {
        let trust: Trust
        let proxy: ProxyAddress?
        /// Plain requests are sent to the proxy itself instead of through a tunnel.
        let isForwarded: Bool
    }

    package init(_ options: RegistryOptions = RegistryOptions()) {
        self.options = options
    }

    /// Call once, when no session is in use any more.
    package func shutdown() async {
        let clients = connections.withLock { connections in
            defer { connections = [:] }
            return Array(connections.values)
        }
        for client in clients { try? await client.shutdown() }
    }

    /// Sessions for reading a repository: mirrors first, the registry last.
    package func sessions(
        for reference: Reference, credentials: RegistryCredentials?, notice: @escaping Notice = { _ in }
    ) async -> [RegistrySession] {
        var sessions: [RegistrySession] = []
        for mirror in options.mirrors[reference.domain] ?? [] {
            guard let address = Address(mirror.contains(bytes: "://") ? mirror : "https://" + mirror) else { continue }
            let prefix = address.target.split(byte: "/").joined(separator: "/")
            let endpoint = RegistryEndpoint(
                authority: address.authority, schemes: [address.scheme],
                isInsecure: await isInsecure(address.authority), isMirror: true)
            sessions.append(
                RegistrySession(
                    client: self, endpoint: endpoint, path: (prefix.isEmpty ? "" : prefix + "/") + reference.path,
                    credentials: nil, notice: notice))
        }
        sessions.append(await session(for: reference, credentials: credentials, notice: notice))
        return sessions
    }

    /// A session with the registry itself.
    package func session(
        for reference: Reference, credentials: RegistryCredentials?, notice: @escaping Notice = { _ in }
    ) async -> RegistrySession {
        RegistrySession(
            client: self, endpoint: await endpoint(reference.domain), path: reference.path, credentials: credentials,
            notice: notice)
    }

    /// Receives messages for the user, for example while a transfer waits.
    package typealias Notice = @Sendable (String) -> Void

    func endpoint(_ domain: String) async -> RegistryEndpoint {
        if Self.hubNames.contains(domain) {
            return RegistryEndpoint(
                authority: "registry-1.docker.io", schemes: ["https"], isInsecure: false, isMirror: false)
        }
        let isInsecure = await isInsecure(domain)
        return RegistryEndpoint(
            authority: domain.lowercased(), schemes: isInsecure ? ["https", "http"] : ["https"],
            isInsecure: isInsecure, isMirror: false)
    }

    static let hubNames: Set<String> = ["docker.io", "index.docker.io", "registry-1.docker.io"]

    /// Whether the host is listed as insecure, by name, by its address, or by an address that its name resolves to.
    private func isInsecure(_ authority: String) async -> Bool {
        if isNamedInsecure(authority) { return true }
        guard let host = Address.split(authority)?.host, Network.address(host) == nil else { return false }
        return await addresses(of: host).contains { isInNetworkNamedInsecure($0) }
    }

    /// Whether the host is listed as insecure by its own name or address. Without a look-up, because whoever controls a name's
    /// DNS can point it at any address.
    func isNamedInsecure(_ authority: String) -> Bool {
        let authority = authority.lowercased()
        guard let host = Address.split(authority)?.host else { return false }
        return Network.isLoopback(host) || isInNetworkNamedInsecure(host)
            || options.insecureRegistries.contains { [authority, host].contains($0.lowercased()) }
    }

    private func isInNetworkNamedInsecure(_ address: String) -> Bool {
        (options.insecureRegistries.compactMap(Network.init) + Network.loopback).contains { $0.contains(address) }
    }

    /// The address itself, or the addresses a name resolves to.
    func addresses(of host: String) async -> [String] {
        if Network.address(host) != nil { return [host] }
        // The pool is shut down only when the process ends.
        return (try? await NIOThreadPool.singleton.runIfActive { Network.lookUp(host) }) ?? []
    }

    // MARK: Requests

    enum Body: Sendable {
        case none
        case bytes([UInt8])
        case file(FilePart)
    }

    /// Sends one request; does not follow redirects or retry.
    func send(
        _ method: String, _ address: Address, _ headers: [(String, String)], _ body: Body = .none,
        acceptsAnyCertificate: Bool = false
    ) async throws(RegistryError) -> Answer {
        let proxy = try options.proxies.proxy(for: address)
        // Plain HTTP requests go to an HTTP proxy directly; only TLS uses a tunnel (RFC 9112, section 3.2.2).
        let forwarder = address.scheme == "http" && proxy?.kind == .http ? proxy : nil
        var request = HTTPClientRequest(url: forwarder.map { "\($0.address)\(address.target)" } ?? address.description)
        request.method = .init(rawValue: method)
        if let forwarder {
            request.headers.add(name: "Host", value: address.authority)
            if let login = forwarder.login {
                request.headers.add(name: "Proxy-Authorization", value: login.headerValue)
            }
        }
        request.headers.add(name: "User-Agent", value: "gantry")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        switch body {
        case .none: break
        case .bytes(let bytes): request.body = .bytes(ByteBuffer(bytes: bytes))
        case .file(let part): request.body = .stream(part, length: .known(part.count))
        }
        let client = try client(
            for: address, proxy, isForwarded: forwarder != nil, acceptsAnyCertificate: acceptsAnyCertificate)
        do {
            // The client has its own time limits for connecting and for silence.
            let response = try await client.execute(request, deadline: .distantFuture)
            return Answer(response, to: method, address)
        } catch {
            throw Answer.failure(error, method, address, silence: options.silence)
        }
    }

    private func client(
        for address: Address, _ proxy: ProxyAddress?, isForwarded: Bool, acceptsAnyCertificate: Bool
    ) throws(RegistryError) -> HTTPClient {
        let trust =
            address.scheme == "https"
            ? try Trust(
                for: address.authority, in: options.certificateDirectories, acceptsAnyCertificate: acceptsAnyCertificate
            ) : .system
        let way = Way(trust: trust, proxy: proxy, isForwarded: isForwarded)
        if let client = connections.withLock({ $0[way] }) { return client }
        var configuration = HTTPClient.Configuration()
        // Redirects are followed by the caller, who decides which headers another host may see.
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(15)
        configuration.timeout.read = .nanoseconds(options.silence.nanoseconds)
        configuration.timeout.write = .nanoseconds(options.silence.nanoseconds)
        // Report an unreachable host at once instead of retrying.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        configuration.httpVersion = .http1Only
        configuration.tlsConfiguration = try trust.configuration()
        configuration.http1_1ConnectionDebugInitializer = { channel in
            channel.eventLoop.submit {
                try StatusCheck.install(in: channel.pipeline.syncOperations)
                if isForwarded { try AbsoluteForm.install(in: channel.pipeline.syncOperations) }
            }
        }
        if !way.isForwarded, let proxy = way.proxy {
            configuration.proxy =
                switch proxy.kind {
                case .http: .server(host: proxy.host, port: proxy.port, authorization: proxy.login)
                case .socks: .socksServer(host: proxy.host, port: proxy.port)
                }
        }
        return connections.withLock { connections in
            // Another task may have made the client meanwhile.
            if let client = connections[way] { return client }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            connections[way] = client
            return client
        }
    }
}

/// The address of a registry and the ways it may be contacted.
struct RegistryEndpoint: Sendable, Equatable {
    let authority: String
    /// In the order they are tried.
    let schemes: [String]
    /// Accept any certificate.
    let isInsecure: Bool
    let isMirror: Bool
}
