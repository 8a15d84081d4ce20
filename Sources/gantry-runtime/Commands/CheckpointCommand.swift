internal import ByteText
internal import Cgroups
internal import Glibc
internal import JSON
internal import Runtime

/// `checkpoint`: saves a running container to files, and stops it unless told otherwise.
enum CheckpointCommand {
    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try StateRecord.load(try options.identifier(), context.root)
        let status = record.status(context.root)
        guard status == .running || status == .paused else {
            throw LaunchFailure("container cannot be checkpointed in the \(status) state: \(record.id)")
        }
        let configuration = try record.configuration(context.root)
        let criu = try Criu(options, context, makesImages: true)
        let log = "dump.log"
        var request = try criu.request(options, log: log)
        request.add(2, Int(record.pid))
        request.add(13, record.rootfs)
        if let path = record.openCgroup()?.freezerPath { request.add(44, path) }
        for mount in configuration.externalMounts {
            request.add(37, "mnt[\(mount.destination)]:\(mount.destination)")
        }
        for path in configuration.maskedFiles(root: "/proc/\(record.pid)/root") {
            request.add(37, "mnt[\(path)]:\(path)")
        }
        if case .path(let path) = configuration.launch.namespaces.network {
            var status = stat()
            guard stat(path, &status) == 0 else { throw Files.failure("namespace \(path)") }
            request.add(37, "net[\(status.st_ino)]:\(RestoreCommand.networkKey)")
        }
        if let path = options.value("parent-path") { request.add(14, try parent(path, criu.images)) }
        if let server = options.value("page-server") { request.add(11, try pageServer(server)) }
        if let descriptor = try options.number("status-fd"), descriptor >= 0 { request.add(49, descriptor) }
        if options.has("pre-dump") {
            request.add(15, true)
            _ = try criu.perform(.preDump, request, log: log)
            return 0
        }
        try saveStreams(record, criu.images)
        if options.has("leave-running") { request.add(3, true) }
        _ = try criu.perform(.dump, request, log: log)
        if !options.has("leave-running") {
            try LifecycleCommands.remove(record, try record.hooks(.poststop, context.root), context)
        }
        return 0
    }

    /// criu requires a path relative to the images.
    private static func parent(_ path: String, _ images: String) throws(LaunchFailure) -> String {
        guard !path.hasBytePrefix("/") else {
            throw LaunchFailure("--parent-path \(path): must be relative to --image-path")
        }
        guard access(images + "/" + path, F_OK) == 0 else { throw Files.failure("parent path \(images)/\(path)") }
        return path
    }

    private static func pageServer(_ text: String) throws(LaunchFailure) -> ProtocolBuffer {
        let parts = text.split(byte: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = UInt16(parts[1]) else {
            throw LaunchFailure("--page-server \(text): not ADDRESS:PORT")
        }
        var server = ProtocolBuffer()
        server.add(1, String(parts[0]))
        server.add(2, Int(clamping: port))
        return server
    }

    /// Saves what the standard streams were (in runc's file), so that `restore` can replace them.
    private static func saveStreams(_ record: StateRecord, _ images: String) throws(LaunchFailure) {
        let names = (0...2).map { number -> JSON in
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/\(record.pid)/fd/\(number)", &buffer, buffer.count)
            return .string(String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        try Files.write(JSON.array(names).serialized(), images + "/descriptors.json", mode: 0o600)
    }
}

extension Cgroup {
    /// The cgroup directory that freezes all its processes.
    var freezerPath: String? {
        places.first { $0.controller.split(byte: ",").contains("freezer") }?.path
            ?? places.first { $0.controller.isEmpty }?.path
    }
}
