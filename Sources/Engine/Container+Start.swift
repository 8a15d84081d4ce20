internal import ByteText
internal import Cgroups
internal import DockerAPI
internal import Glibc
internal import Layers
internal import Linux
internal import Monitor
internal import MonitorProtocol
internal import Networking
internal import Runtime

extension Container {
    /// Starts the first process; false when it runs already.
    func start() async throws(EngineError) -> Bool { try await request(.start) }

    /// The way from a record to a running process, on behalf of the state machine. Returns when the process runs, or nothing is left
    /// of the attempt.
    func launch() async {
        isLaunchDue = false
        lastStartError = nil
        await cleanup?.value
        cleanup = nil
        do {
            try await launchParts()
        } catch {
            return await abandon(error)
        }
        guard case .failed(let failure) = await started() else { return }
        await abandon(.launch(exitCode: failure.exitCode, message: Self.wording(failure)))
    }

    /// What programs and people know from Docker, around the runtime's own words.
    static func wording(_ failure: LaunchFailure) -> String {
        "failed to create task for container: failed to create shim task: OCI runtime create failed: "
            + "unable to start container process: \(failure.message)"
    }

    private func launchParts() async throws(EngineError) {
        startResult = nil
        linkClosed = false
        let record = record
        let mode = record.networkMode
        guard ["bridge", "host", "none"].contains(mode) || mode.hasBytePrefix("container:") else {
            throw .noSuchNetwork(mode)
        }
        var plan = LaunchPlan(record: record, files: files)
        // The monitor boots while everything else is prepared.
        let link = try attempt { () throws in
            try Directory.make(runDirectory, mode: 0o700)
            return try environment.spawner.spawn(runDirectory: runDirectory)
        }
        connect(link)
        for attachment in early {
            let options = attachment.options
            try attempt {
                try link.attach(
                    stream: Descriptor(
                        owning: try retrying("fcntl") { fcntl(attachment.stream.raw, F_DUPFD_CLOEXEC, 3) }),
                    stdin: options.stdin, stdout: options.stdout, stderr: options.stderr)
            }
        }
        early = []

        var network: String?
        if let name = record.networkMode.dropping(prefix: "container:") {
            let other = try environment.index.find(String(name))
            network = try namespacePath(of: other)
            // Who shares a network shares its names: the same three files, and the host's name.
            update { record in
                record.config.Hostname = other.record.config.Hostname
                record.config.Domainname = other.record.config.Domainname
            }
            plan = LaunchPlan(record: self.record, files: other.files)
        }
        let devices = try DevicePlan(record.host)
        let cgroup = try attempt { try makeCgroup(record, devices.rules) }
        var spec = try plan.spec(cgroups: CgroupJoin.all(cgroup), devices: devices.nodes, joined: network)
        try plan.restrict(&spec.process, by: environment)
        let log = try attempt { () throws -> SharedDescriptor? in
            guard record.host.LogConfig.`Type` != "none" else { return nil }
            return SharedDescriptor(
                try Descriptor.open(files.log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, mode: 0o640))
        }
        try attempt {
            // Writable even for --read-only: the runtime still makes mount points in it and closes it last.
            let root = try environment.snapshots.mount(id: id, volatile: record.host.AutoRemove)
            try link.launch(spec, rootfs: root, log: try log?.duplicate())
        }
        if spec.takesNetworkFromDaemon { try await connectNetwork(record, link) }
        if record.networkMode == "host" { publishNetwork("connect") }
    }

    private func connectNetwork(_ record: ContainerRecord, _ link: MonitorLink) async throws(EngineError) {
        if record.networkMode == "none" {
            let namespace = try attempt { try environment.networks.isolatedNamespace() }
            try attempt { try tell(link, namespace.descriptor, []) }
            return publishNetwork("connect")
        }
        let request = EndpointRequest(
            containerID: id, networkName: record.networkMode, hostname: record.config.Hostname,
            macAddress: record.macAddress,
            ports: try PortPlan.requests(record), containerName: record.name)
        let attachment = try await attemptAsync { try await self.environment.networks.attach(request) }
        update { $0.endpoint = attachment.endpoint }
        try attempt {
            try writeHosts()
            try tell(link, attachment.namespace.descriptor, attachment.held.map(\.raw))
        }
        publishNetwork("connect")
    }

    /// A monitor that has ended by now says itself why; that is the result of the start.
    private func tell(_ link: MonitorLink, _ namespace: borrowing Descriptor, _ held: [Int32]) throws {
        do throws(MonitorError) {
            try link.network(namespace: namespace, held: held)
        } catch  where [EPIPE, ECONNRESET].contains(error.code) {}
    }

    /// The hosts file as the present endpoint demands.
    func writeHosts() throws(SystemError) {
        let record = record
        try ContainerFiles.write(
            ContainerFiles.hosts(
                hostname: record.config.Hostname, domainname: record.config.Domainname,
                address: record.endpoint?.ipAddress, extra: record.host.ExtraHosts ?? [],
                gateway: record.endpoint?.gateway,
                sharesHostNetwork: record.networkMode == "host"), to: files.hosts)
    }

    private func namespacePath(of other: Container) throws(EngineError) -> String {
        let phase = other.record.phase
        guard let process = phase.process else {
            if phase.isRestarting { throw .isRestarting(other.id) }
            throw .conflict("cannot join network of a non running container: \(other.id)")
        }
        return "/proc/\(process.pid)/ns/net"
    }

    private func makeCgroup(_ record: ContainerRecord, _ devices: [DeviceRule]) throws -> Cgroup {
        var limits = try CgroupLimits(record.host)
        limits.devices = devices
        let cgroup = try Cgroup.create(cgroupPath, limits: limits, in: environment.hierarchy)
        for limit in cgroup.leftOut { environment.notices.say("containers run without what they ask for: \(limit)") }
        return cgroup
    }

    nonisolated var cgroupPath: String {
        let parent =
            record.host.CgroupParent.isEmpty
            ? environment.configuration.cgroupParent : record.host.CgroupParent
        return parent + "/" + id
    }

    /// Listens to a monitor from now on.
    func connect(_ link: MonitorLink) {
        self.link = link
        let (events, continuation) = AsyncStream.makeStream(of: MonitorEvent.self)
        pump = Task {
            for await event in events { await self.handle(event) }
        }
        link.start(on: environment.reactor) { event in
            continuation.yield(event)
            if case .closed = event { continuation.finish() }
        }
    }

    private func started() async -> StartResult {
        if let startResult { return startResult }
        return await withCheckedContinuation { starting = $0 }
    }

    /// The first result counts: a monitor that has said why it failed ends, and that end is no other reason.
    func finishStart(_ result: StartResult) {
        guard startResult == nil else { return }
        startResult = result
        starting?.resume(returning: result)
        starting = nil
    }

    /// Undoes a start that did not succeed.
    private func abandon(_ error: EngineError) async {
        link?.close()
        // A process that waits for its network would wait for ever.
        Cgroup(cgroupPath, in: environment.hierarchy).kill()
        if link != nil { await closed() }
        link = nil
        early = []
        await releaseParts()
        if record.endpoint != nil { publishNetwork("disconnect") }
        update { $0.endpoint = nil }
        lastStartError = error
        let code: Int32 = if case .launch(let code, _) = error { code } else { 128 }
        apply(.startFailed(code: code, message: "\(error)"))
    }

    /// Runs what a room below may refuse and wraps its error.
    func attempt<Value: ~Copyable>(_ body: () throws -> Value) throws(EngineError) -> Value {
        do {
            return try body()
        } catch {
            throw EngineError(wrapping: error)
        }
    }

    func attemptAsync<Value: Sendable>(_ body: () async throws -> Value) async throws(EngineError) -> Value {
        do {
            return try await body()
        } catch {
            throw EngineError(wrapping: error)
        }
    }
}

extension SharedDescriptor {
    /// A second owner of the same open file.
    func duplicate() throws(SystemError) -> Descriptor {
        let number = raw
        return Descriptor(owning: try retrying("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }
}
