internal import Concurrency
internal import DockerAPI
internal import Runtime

/// One `exec`: asked for, perhaps running, perhaps done.
struct ExecInstance {
    enum Phase {
        case created
        case starting(CheckedContinuation<LaunchFailure?, Never>?)
        case running(pid: Int32)
        case ended(code: Int32)
    }

    let id: String
    let request: ExecCreateRequest
    var phase = Phase.created
    /// Opens when it has ended.
    let ended = AsyncLatch()

    var hasEnded: Bool { if case .ended = phase { true } else { false } }

    /// As `GET /exec/{id}/json` shows it.
    func inspect(container: String) -> ExecInspect {
        var document = ExecInspect()
        document.ID = id
        document.ContainerID = container
        document.ProcessConfig.tty = request.Tty
        let words = request.Cmd?.words ?? []
        document.ProcessConfig.entrypoint = words.first ?? ""
        document.ProcessConfig.arguments = Array(words.dropFirst())
        document.ProcessConfig.privileged = request.Privileged
        if !request.User.isEmpty { document.ProcessConfig.user = request.User }
        document.OpenStdin = request.AttachStdin
        document.OpenStdout = request.AttachStdout
        document.OpenStderr = request.AttachStderr
        document.DetachKeys = request.DetachKeys
        switch phase {
        case .created, .starting: break
        case .running(let pid):
            document.Running = true
            document.Pid = Int(pid)
        case .ended(let code):
            document.ExitCode = Int(code)
            document.CanRemove = true
        }
        return document
    }
}
