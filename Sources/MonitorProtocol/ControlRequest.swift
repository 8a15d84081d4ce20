/// What the daemon asks of the monitor. One datagram each; descriptors travel beside, in this order.
package enum ControlRequest: Equatable, Sendable {
    /// The daemon's first message.
    case hello(Handshake)
    /// Descriptors: the specification, then the root's mount and the log when flagged.
    case launch(hasRoot: Bool, hasLog: Bool)
    /// Descriptors: the namespace, then sockets to keep open.
    case network
    /// Descriptors: sockets to keep open.
    case hold
    /// Descriptor: the stream.
    case attach(input: Bool, output: Bool, error: Bool)
    /// Descriptors: the specification, then the stream when there is one.
    case exec(id: String)
    /// `exec` is empty for the container's first process, here and below.
    case signal(Int32, exec: String)
    case resize(columns: UInt16, rows: UInt16, exec: String)
    case closeInput(exec: String)
    /// Descriptor: the file that takes the log from now on.
    case log

    /// The numbers of the messages; those of version 0 are the same.
    package enum Number: UInt16, CaseIterable, Sendable {
        case hello = 0
        case launch, network, hold, attach, exec, signal, resize, closeInput, log
    }

    package var number: Number {
        switch self {
        case .hello: .hello
        case .launch: .launch
        case .network: .network
        case .hold: .hold
        case .attach: .attach
        case .exec: .exec
        case .signal: .signal
        case .resize: .resize
        case .closeInput: .closeInput
        case .log: .log
        }
    }

    private enum LaunchTag: UInt16 { case root = 0x8001, log }
    private enum AttachTag: UInt16 { case input = 0x8001, output, error }
    /// Of what is about one process.
    private enum ProcessTag: UInt16 { case exec = 0x8001, signal, columns, rows }

    package func encoded() -> [UInt8] {
        Message.encoded(number.rawValue) { writer in
            switch self {
            case .hello(let handshake): handshake.encode(to: &writer)
            case .launch(let hasRoot, let hasLog):
                writer.put(LaunchTag.root, hasRoot)
                writer.put(LaunchTag.log, hasLog)
            case .network, .hold, .log: break
            case .attach(let input, let output, let error):
                writer.put(AttachTag.input, input)
                writer.put(AttachTag.output, output)
                writer.put(AttachTag.error, error)
            case .exec(let id): writer.put(ProcessTag.exec, id)
            case .signal(let number, let exec):
                writer.put(unlessEmpty: ProcessTag.exec, exec)
                writer.put(ProcessTag.signal, number)
            case .resize(let columns, let rows, let exec):
                writer.put(unlessEmpty: ProcessTag.exec, exec)
                writer.put(ProcessTag.columns, columns)
                writer.put(ProcessTag.rows, rows)
            case .closeInput(let exec): writer.put(unlessEmpty: ProcessTag.exec, exec)
            }
        }
    }

    package init(_ message: Message) throws(MessageError) {
        guard let number = Number(rawValue: message.number) else { throw .unknownMessage(message.number) }
        switch number {
        case .hello: self = .hello(try Handshake(message.fields))
        case .launch:
            let flags = try Self.flags(message) { LaunchTag(rawValue: $0) }
            self = .launch(hasRoot: flags.contains(.root), hasLog: flags.contains(.log))
        case .network:
            try Self.passOver(message)
            self = .network
        case .hold:
            try Self.passOver(message)
            self = .hold
        case .log:
            try Self.passOver(message)
            self = .log
        case .attach:
            let flags = try Self.flags(message) { AttachTag(rawValue: $0) }
            self = .attach(
                input: flags.contains(.input), output: flags.contains(.output), error: flags.contains(.error))
        case .exec, .signal, .resize, .closeInput: self = try Self.aboutProcess(number, message)
        }
    }

    private static func flags<Tag: Hashable>(
        _ message: Message, _ tag: (UInt16) -> Tag?
    ) throws(MessageError) -> Set<Tag> {
        var fields = message.fields
        var set: Set<Tag> = []
        while let field = try fields.next() {
            guard let tag = tag(field.tag) else {
                try field.passOver()
                continue
            }
            if try field.flag() { set.insert(tag) }
        }
        return set
    }

    private static func passOver(_ message: Message) throws(MessageError) {
        var fields = message.fields
        while let field = try fields.next() { try field.passOver() }
    }

    private static func aboutProcess(_ number: Number, _ message: Message) throws(MessageError) -> ControlRequest {
        var fields = message.fields
        var exec = ""
        var signal: Int32 = 0
        var columns: UInt16 = 0
        var rows: UInt16 = 0
        while let field = try fields.next() {
            switch ProcessTag(rawValue: field.tag) {
            case .exec: exec = field.text
            case .signal: signal = try field.number()
            case .columns: columns = try field.number()
            case .rows: rows = try field.number()
            case nil: try field.passOver()
            }
        }
        switch number {
        case .exec: return .exec(id: exec)
        case .signal: return .signal(signal, exec: exec)
        case .resize: return .resize(columns: columns, rows: rows, exec: exec)
        default: return .closeInput(exec: exec)
        }
    }

    /// The exec that a message is about, for the answer to one that was not understood otherwise.
    package static func exec(in message: Message) -> String? {
        guard message.number == Number.exec.rawValue else { return nil }
        var fields = message.fields
        // Broken fields have been told of already; the answer only needs the name.
        while let field = try? fields.next() {
            if field.tag == ProcessTag.exec.rawValue { return field.text }
        }
        return nil
    }
}
