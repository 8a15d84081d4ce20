internal import Cgroups
internal import Glibc
internal import JSON
internal import Runtime

/// `checkpoint`: writes a running container to files, and ends it unless told otherwise.
enum CheckpointCommand {
    static func run(_ options: Options, _ context: RuntimeProgram.Context) throws(LaunchFailure) -> Int32 {
        let record = try ContainerRecord.load(try options.identifier(), context.root)
        let status = record.status(context.root)
        guard status == .running || status == .paused else {
            throw LaunchFailure("container cannot be checkpointed in the \(status) state: \(record.id)")
        }
        let configuration = try record.configuration(context.root)
        guard !configuration.launch.process.tty else {
            throw LaunchFailure("container \(record.id) has a terminal: its other side cannot be written to files")
        }
        let criu = try Criu(options, context, makesImages: true)
        var words = try criu.arguments(options, configuration)
        words += ["--tree", String(record.pid), "--root", record.rootfs]
        if let path = record.openCgroup()?.freezerPath { words += ["--freeze-cgroup", path] }
        for mount in configuration.externalMounts {
            words += ["--external", "mnt[\(mount.destination)]:\(mount.destination)"]
        }
        for path in configuration.maskedFiles(root: "/proc/\(record.pid)/root") {
            words += ["--external", "mnt[\(path)]:\(path)"]
        }
        if case .path(let path) = configuration.launch.namespaces.network {
            var status = stat()
            guard stat(path, &status) == 0 else { throw Files.failure("namespace \(path)") }
            words += ["--external", "net[\(status.st_ino)]:\(RestoreCommand.networkKey)"]
        }
        if let path = options.value("parent-path") { words += ["--prev-images-dir", try parent(path, criu.images)] }
        if let server = options.value("page-server") { words += try pageServer(server) }
        if let descriptor = try options.number("status-fd"), descriptor >= 0 {
            words += ["--status-fd", String(descriptor)]
        }
        if options.has("pre-dump") {
            try criu.run("pre-dump", words + ["--track-mem"], log: "dump.log")
            return 0
        }
        try saveStreams(record, criu.images)
        if options.has("leave-running") { words.append("--leave-running") }
        try criu.run("dump", words, log: "dump.log")
        if !options.has("leave-running") {
            try LifecycleCommands.remove(record, try record.hooks(.poststop, context.root), context)
        }
        return 0
    }

    /// criu wants it relative to the images.
    private static func parent(_ path: String, _ images: String) throws(LaunchFailure) -> String {
        guard !path.hasPrefix("/") else {
            throw LaunchFailure("--parent-path \(path): must be relative to --image-path")
        }
        guard access(images + "/" + path, F_OK) == 0 else { throw Files.failure("parent path \(images)/\(path)") }
        return path
    }

    private static func pageServer(_ text: String) throws(LaunchFailure) -> [String] {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, UInt16(parts[1]) != nil else {
            throw LaunchFailure("--page-server \(text): not ADDRESS:PORT")
        }
        return ["--page-server", "--address", String(parts[0]), "--port", String(parts[1])]
    }

    /// What the standard streams were, so that `restore` can put its own in their places; runc's file.
    private static func saveStreams(_ record: ContainerRecord, _ images: String) throws(LaunchFailure) {
        let names = (0...2).map { number -> JSON in
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/\(record.pid)/fd/\(number)", &buffer, buffer.count)
            return .string(String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        try Files.write(JSON.array(names).serialized(), images + "/descriptors.json", mode: 0o600)
    }
}

extension Cgroup {
    /// The directory whose freezer stops every process of it.
    var freezerPath: String? {
        places.first { $0.controller.split(separator: ",").contains("freezer") }?.path
            ?? places.first { $0.controller.isEmpty }?.path
    }
}
