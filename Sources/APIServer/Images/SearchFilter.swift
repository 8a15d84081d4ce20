internal import Registry

/// `is-official`, `is-automated` and `stars`.
struct SearchFilter {
    private var official: Bool?
    private var automated: Bool?
    private var stars: Int64 = 0

    init(_ filters: [String: [String]]) throws(APIError) {
        for (name, values) in filters {
            switch name {
            case "is-official": official = try Self.flag(name, values)
            case "is-automated": automated = try Self.flag(name, values)
            case "stars":
                for value in values {
                    guard let number = Int64(value) else { throw .badRequest("invalid filter 'stars=\(value)'") }
                    stars = max(stars, number)
                }
            default: throw .badRequest("invalid filter '\(name)'")
            }
        }
    }

    private static func flag(_ name: String, _ values: [String]) throws(APIError) -> Bool {
        switch values.first {
        case "1", "true": return true
        case "0", "false": return false
        default: throw .badRequest("invalid filter '\(name)=\(values.joined(separator: ","))'")
        }
    }

    func passes(_ row: SearchResult) -> Bool {
        (official.map { $0 == row.isOfficial } ?? true) && (automated.map { $0 == row.isAutomated } ?? true)
            && row.stars >= stars
    }
}
