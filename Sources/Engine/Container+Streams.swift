internal import DockerAPI
internal import Glibc
internal import Linux
internal import Monitor

extension Container {
    /// A client's connection to the first process; before the start it is kept until then.
    func attach(_ options: AttachOptions) throws(EngineError) -> AttachedStream {
        if record.state.Paused {
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
        let ours = pair.first
        let theirs = pair.second
        let stdin = options.stdin && record.config.OpenStdin
        if record.state.Running, let link {
            do {
                try link.attach(stream: theirs, stdin: stdin, stdout: options.stdout, stderr: options.stderr)
            } catch {
                throw EngineError(wrapping: error)
            }
        } else {
            var options = options
            options.stdin = stdin
            early.append(EarlyAttachment(stream: SharedDescriptor(theirs), options: options))
        }
        return AttachedStream(descriptor: ours, isTerminal: isTerminal)
    }
}
