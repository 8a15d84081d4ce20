internal import JSON

/// The `filters` parameter: `{"label":["a=b"]}`, or with old clients `{"label":{"a=b":true}}`.
package enum FilterParameter {
    package static func parse(_ text: String?) throws(APIError) -> [String: [String]] {
        guard let text else { return [:] }
        let json: JSON
        do {
            json = try JSON.parse(text, refusesDuplicates: true)
        } catch {
            throw .badRequest("invalid filter: \(error)")
        }
        guard let object = json.objectValue else {
            throw .badRequest("invalid filter: it must be an object of names and values")
        }
        var filters: [String: [String]] = [:]
        for (name, values) in object {
            if let list = values.arrayValue {
                filters[name] = list.compactMap(\.stringValue)
            } else if let set = values.objectValue {
                filters[name] = set.keys.filter { set[$0]?.boolValue == true }
            } else {
                throw .badRequest("invalid filter: the values of \(name) must be a list")
            }
        }
        return filters
    }
}
