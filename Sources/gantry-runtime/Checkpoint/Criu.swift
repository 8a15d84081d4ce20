internal import ByteText
internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// Runs the criu program for `checkpoint` and `restore`.
struct Criu {
    let program: String
    let images: String
    let work: String

    /// Creates `--image-path` if needed; criu's logs go there too unless told otherwise.
    init(_ options: Options, _ context: RuntimeProgram.Context, makesImages: Bool) throws(LaunchFailure) {
        program = context.criu
        let path = options.value("image-path") ?? "checkpoint"
        if makesImages { try Files.makeDirectory(path, mode: 0o700) }
        images = try Files.absolute(path, "image path")
        if let path = options.value("work-path") {
            try Files.makeDirectory(path, mode: 0o700)
            work = try Files.absolute(path, "work path")
        } else {
            work = images
        }
    }

    /// `criu_req_type` of criu's images/rpc.proto.
    enum Action: Int { case dump = 1, restore, preDump = 4, notify = 6 }

    /// The members of `criu_opts` common to both commands, with the field numbers of rpc.proto.
    func request(_ options: Options, log: String) throws(LaunchFailure) -> ProtocolBuffer {
        var request = ProtocolBuffer()
        for (flag, field) in [
            ("tcp-established", 5), ("ext-unix-sk", 4), ("shell-job", 7), ("file-locks", 8), ("auto-dedup", 16),
            ("lazy-pages", 48),
        ] where options.has(flag) {
            request.add(field, true)
        }
        let mode = options.value("manage-cgroups-mode") ?? "soft"
        guard let number = ["ignore": 0, "soft": 3, "full": 4, "strict": 5][mode] else {
            throw LaunchFailure("invalid manage-cgroups-mode \(mode): soft, full, strict or ignore")
        }
        request.add(24, true)
        request.add(34, number)
        for name in options.all("empty-ns") {
            guard name == "network" else {
                throw LaunchFailure("invalid empty-ns \(name): only network can be left empty")
            }
            request.add(38, Int(linux_CLONE_NEWNET))
        }
        request.add(9, 4)
        request.add(10, log)
        // The controlling side of a terminal belongs to another process: excluded from the images, and created again on restore.
        request.add(50, true)
        return request
    }

    /// Runs the request with `criu swrk`, which inherits the caller's descriptors and restores processes as the caller's
    /// children. Returns the init process and the controlling side of its terminal, if any.
    func perform(
        _ action: Action, _ request: ProtocolBuffer, log: String
    ) throws(LaunchFailure) -> (pid: Int32, terminal: Int32) {
        let (folder, logs) = (Files.directory(images), Files.directory(work))
        defer { for handle in [folder, logs] where handle >= 0 { close(handle) } }
        guard folder >= 0, logs >= 0 else { throw Files.failure("open \(folder < 0 ? images : work)") }
        var request = request
        request.add(1, Int(folder))
        request.add(17, Int(logs))
        var criu: pid_t = 0
        let channel = try HostProgram.channel(program, SOCK_SEQPACKET).keepFirst { (end) throws(LaunchFailure) in
            do throws(LaunchFailure) {
                criu = try HostProgram.spawn(program, ["swrk", String(end.raw)], inherited: end.raw)
            } catch {
                throw LaunchFailure(
                    "\(error.message); checkpoint and restore need criu: apt-get install criu, or name it with --criu")
            }
        }
        var message = ProtocolBuffer()
        message.add(1, action.rawValue)
        message.add(2, request)
        var result: (pid: Int32, terminal: Int32) = (0, -1)
        var reason: String?
        do throws(SystemError) {
            try Self.send(message, channel)
            reason = try Self.answer(channel, &result)
        } catch {
            reason = error.reason
        }
        // criu exits when no more requests can come.
        shutdown(channel.raw, Int32(SHUT_WR))
        let code = HostProgram.wait(criu)
        guard let reason else { return result }
        if result.terminal >= 0 { close(result.terminal) }
        let path = work + "/" + log
        let lines = String(decoding: (try? Files.read(path)) ?? [], as: UTF8.self).split(byte: "\n")
        // Exit messages of criu's helper programs are not the cause.
        let told =
            lines.first { $0.contains("Error (") && !$0.contains("exited, status=") }.map { String($0) } ?? reason
        throw LaunchFailure("criu \(action) failed (\(code)): \(told); its log is \(path)")
    }

    private static func send(_ message: ProtocolBuffer, _ channel: borrowing Descriptor) throws(SystemError) {
        var failure: SystemError?
        message.bytes.withUnsafeBytes { bytes in
            do throws(SystemError) { _ = try channel.send(bytes, flags: Int32(MSG_NOSIGNAL)) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Reads `criu_resp` messages until the request is done, acknowledging notifications. Returns the error, if it failed.
    private static func answer(
        _ channel: borrowing Descriptor, _ result: inout (pid: Int32, terminal: Int32)
    ) throws(SystemError) -> String? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var handles: [Int32] = [-1]
            var count = 1
            let received = linux_receive_message(channel.raw, &buffer, buffer.count, &handles, &count, 0)
            if received == -Int(EINTR) { continue }
            if received < 0 { throw SystemError("recvmsg", code: Int32(-received)) }
            guard received > 0, let (numbers, contents) = ProtocolBuffer.fields(buffer[..<received]) else {
                return "it ended without an answer"
            }
            guard numbers[2] == 1 else {
                return contents[9].map { String(decoding: $0, as: UTF8.self) } ?? "errno \(numbers[7] ?? 0)"
            }
            guard numbers[1] == Action.notify.rawValue else {
                result.pid =
                    contents[4].flatMap { ProtocolBuffer.fields($0)?.numbers[1] }.map { Int32(clamping: $0) } ?? 0
                return nil
            }
            let script = contents[5].flatMap { ProtocolBuffer.fields($0)?.contents[1] }
            if count == 1, let script, script.elementsEqual("orphan-pts-master".utf8), result.terminal < 0 {
                result.terminal = handles[0]
            } else if count == 1 {
                close(handles[0])
            }
            var message = ProtocolBuffer()
            message.add(1, Action.notify.rawValue)
            message.add(3, true)
            try send(message, channel)
        }
    }
}

extension BundleConfiguration {
    /// Bind mounts, whose sources are outside the container, by their destination.
    var externalMounts: [MountSpec] { launch.mounts.filter { $0.kind == .bind } }

    /// Masked files, which are mounts too and have to be listed for criu.
    func maskedFiles(root: String) -> [String] {
        launch.maskedPaths.filter { path in
            var status = stat()
            return stat(root + path, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
        }
    }
}
