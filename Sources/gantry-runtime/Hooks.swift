internal import CLinux
internal import Glibc
internal import JSON
internal import Linux
internal import Runtime

/// Programs outside the container that are told its state.
enum Hooks {
    /// Runs one to its end with the state on standard input.
    static func run(_ hook: BundleConfiguration.Hook, _ state: JSON) throws(LaunchFailure) {
        let input: Descriptor
        do throws(SystemError) {
            input = try SealedMemory.make(state.serialized(), name: "state")
        } catch {
            throw LaunchFailure("run hook \(hook.path): \(error.reason)")
        }
        guard lseek(input.raw, 0, SEEK_SET) == 0 else { throw Files.failure("run hook \(hook.path)") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input.raw, 0)
        let arguments: [UnsafeMutablePointer<CChar>?] = hook.args.map { strdup($0) } + [nil]
        let environment: [UnsafeMutablePointer<CChar>?] = hook.env.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, hook.path, &actions, nil, arguments, environment)
        guard result == 0 else {
            throw LaunchFailure("run hook \(hook.path): \(SystemError("", code: result).reason)")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else { throw LaunchFailure("hook \(hook.path) failed with status \(status >> 8)") }
    }
}
