internal import CLinux
internal import Cgroups
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// The criu program: what `checkpoint` and `restore` have in common.
struct Criu {
    let program: String
    let images: String
    let work: String

    /// `--image-path` is made when it is not there; the logs are beside the images unless told otherwise.
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

    /// What both directions take. criu's own list of a namespace's external mounts is the bundle's bind mounts.
    func arguments(_ options: Options, _ configuration: BundleConfiguration) throws(LaunchFailure) -> [String] {
        var words = ["--images-dir", images, "--work-dir", work, "-v4"]
        for flag in ["tcp-established", "ext-unix-sk", "shell-job", "file-locks", "auto-dedup", "lazy-pages"]
        where options.has(flag) {
            words.append("--" + flag)
        }
        let mode = options.value("manage-cgroups-mode") ?? "soft"
        guard ["soft", "full", "strict", "ignore"].contains(mode) else {
            throw LaunchFailure("invalid manage-cgroups-mode \(mode): soft, full, strict or ignore")
        }
        words.append("--manage-cgroups=" + mode)
        for name in options.all("empty-ns") {
            guard name == "network" else {
                throw LaunchFailure("invalid empty-ns \(name): only network can be left empty")
            }
            words += ["--empty-ns", "net"]
        }
        return words
    }

    /// Runs it to its end. Its words are in the log, and the last of them that tells of an error is the reason.
    func run(_ action: String, _ arguments: [String], log: String) throws(LaunchFailure) {
        let words = [action] + arguments + ["--log-file", log]
        let code: Int32
        do throws(LaunchFailure) {
            code = try HostProgram.run(program, words)
        } catch {
            throw LaunchFailure(
                "\(error.message); checkpoint and restore need criu: apt-get install criu, or name it with --criu")
        }
        guard code != 0 else { return }
        let path = work + "/" + log
        let lines = String(decoding: (try? Files.read(path)) ?? [], as: UTF8.self).split(separator: "\n")
        let reason = lines.first { $0.contains("Error (") }.map { ": " + $0 } ?? ""
        throw LaunchFailure("criu \(action) ended with \(code)\(reason); its log is \(path)")
    }
}

extension BundleConfiguration {
    /// Mounts whose source is outside the container, by their place inside.
    var externalMounts: [MountSpec] { launch.mounts.filter { $0.kind == .bind } }

    /// Files that are hidden behind the null device: mounts too, which criu has to be told of.
    func maskedFiles(root: String) -> [String] {
        launch.maskedPaths.filter { path in
            var status = stat()
            return stat(root + path, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
        }
    }
}
