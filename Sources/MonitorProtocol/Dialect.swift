package import Runtime

/// In which form a monitor understands its daemon. Its first message tells.
package enum Dialect: Sendable {
    case versionZero
    /// Messages with a header, of version 1 and every later one.
    case tagged

    package init(ofMessage bytes: [UInt8]) { self = VersionZero.wrote(bytes) ? .versionZero : .tagged }

    package func encoded(_ request: ControlRequest) throws(MessageError) -> [UInt8] {
        switch self {
        case .versionZero: try VersionZero.encoded(request)
        case .tagged: request.encoded()
        }
    }

    package func encoded(_ specification: Specification) throws(MessageError) -> [UInt8] {
        switch (self, specification) {
        case (.versionZero, .process(let spec)): try VersionZero.encoded(spec)
        case (.versionZero, .launch): throw VersionZero.refusal("a launch")
        case (.tagged, .process(let spec)): spec.encodedMessage()
        case (.tagged, .launch(let spec)): spec.encodedMessage()
        }
    }
}

/// What travels in sealed memory beside a request.
package enum Specification: Sendable {
    case launch(LaunchSpec)
    case process(ProcessSpec)
}
