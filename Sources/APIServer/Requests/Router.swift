internal import ByteText

/// What to do for one method and shape of path.
package struct Route: Sendable {
    /// `{name}` stands for one part of the path, `{name...}` for one or more.
    package enum Part: Sendable, Equatable {
        case word(String)
        case one(String)
        case some(String)
    }

    package let method: String
    let parts: [Part]
    let action: @Sendable (Call) async throws -> Void

    package init(_ method: String, _ template: String, _ action: @escaping @Sendable (Call) async throws -> Void) {
        self.method = method
        self.action = action
        parts = template.split(byte: "/").map { piece in
            guard piece.hasBytePrefix("{"), piece.hasByteSuffix("}") else { return .word(String(piece)) }
            let name = piece.dropFirst().dropLast()
            return name.hasByteSuffix("...") ? .some(String(name.dropLast(bytes: 3))) : .one(String(name))
        }
    }

    /// The open parts by name, or nil when the path is another one.
    func match(_ path: [Substring]) -> [String: String]? {
        var found: [String: String] = [:]
        var index = 0
        for (place, part) in parts.enumerated() {
            guard index < path.count else { return nil }
            switch part {
            case .word(let word):
                guard path[index] == word else { return nil }
                index += 1
            case .one(let name):
                found[name] = String(path[index])
                index += 1
            case .some(let name):
                let count = path.count - index - (parts.count - place - 1)
                guard count >= 1 else { return nil }
                found[name] = path[index..<(index + count)].joined(separator: "/")
                index += count
            }
        }
        return index == path.count ? found : nil
    }
}

/// Finds the route of a path; the first that fits wins.
package struct Router: Sendable {
    private var routes: [String: [Route]] = [:]

    package init(_ routes: [Route]) {
        for route in routes {
            guard case .word(let first)? = route.parts.first else { continue }
            self.routes["\(route.method) \(first)", default: []].append(route)
        }
    }

    package func find(_ method: String, _ path: String) -> (route: Route, parameters: [String: String])? {
        let parts = path.split(byte: "/")
        guard let first = parts.first, let candidates = routes["\(method) \(first)"] else { return nil }
        for route in candidates {
            if let parameters = route.match(parts) { return (route, parameters) }
        }
        return nil
    }
}
