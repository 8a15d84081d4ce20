internal import DockerAPI
internal import Glibc
internal import Linux
internal import Monitor

extension Container {
    /// A client's connection to the first process; before the start it is kept until then.
    func attach(_ options: AttachOptions) throws(EngineError) -> AttachedStream {
        let phase = record.phase
        if phase.isRestarting { throw .isRestarting(id) }
        if phase.isPaused {
            throw .conflict("container \(id) is paused, unpause the container before attach")
        }
        let pair = try attempt { try LocalSocketPair(Int32(SOCK_STREAM.rawValue)) }
        let isTerminal = record.config.Tty
        publish("attach")
        return try hand(pair, options, isTerminal)
    }

    private func hand(
        _ pair: consuming LocalSocketPair, _ options: AttachOptions, _ isTerminal: Bool
    ) throws(EngineError) -> AttachedStream {
        var options = options
        options.stdin = options.stdin && record.config.OpenStdin
        let isLive = record.phase.process != nil
        let ours = try pair.keepFirst { theirs throws(EngineError) in
            guard isLive, let link else {
                early.append(EarlyAttachment(stream: SharedDescriptor(theirs), options: options))
                return
            }
            do {
                try link.attach(
                    stream: theirs, stdin: options.stdin, stdout: options.stdout, stderr: options.stderr)
            } catch {
                throw EngineError(wrapping: error)
            }
        }
        return AttachedStream(descriptor: ours, isTerminal: isTerminal)
    }
}
