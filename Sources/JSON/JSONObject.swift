/// The members of a JSON object in their order. A name stands once; the last value wins, as in Go.
package struct JSONObject: Sendable, Equatable, Sequence {
    private var members: [(key: String, value: JSON)] = []
    /// Positions by name; built only once an object is too large to search from end to end.
    private var positions: [String: Int] = [:]
    private static let searchLimit = 16

    package init() {}

    package init(_ members: [(String, JSON)]) {
        for (key, value) in members { self[key] = value }
    }

    package var keys: [String] { members.map(\.key) }
    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    package subscript(key: String) -> JSON? {
        get { position(of: key).map { members[$0].value } }
        set {
            let found = position(of: key)
            switch (found, newValue) {
            case (let position?, let value?):
                members[position].value = value
            case (nil, let value?):
                members.append((key, value))
                if members.count == Self.searchLimit + 1 {
                    for (index, member) in members.enumerated() { positions[member.key] = index }
                } else if members.count > Self.searchLimit {
                    positions[key] = members.count - 1
                }
            case (let position?, nil):
                members.remove(at: position)
                positions.removeAll()
                if members.count > Self.searchLimit {
                    for (index, member) in members.enumerated() { positions[member.key] = index }
                }
            case (nil, nil):
                break
            }
        }
    }

    /// The member that is called `name` but for its case; an error where there are two.
    package func value(matching name: String) throws(JSONError) -> JSON? { try FoldedMembers(self).value(name) }

    /// Whether programs in Go read one member as the other: they differ in case alone.
    package static func areOne(_ name: String, _ other: String) -> Bool {
        FoldedMembers.folded(name) == FoldedMembers.folded(other)
    }

    /// Refuses an object in which two members are called like one of `names` but for their case.
    package func refuseClashes(among names: [String]) throws(JSONError) {
        let members = FoldedMembers(self)
        for name in names { _ = try members.value(name) }
    }

    package struct Iterator: IteratorProtocol {
        fileprivate var members: IndexingIterator<[(key: String, value: JSON)]>

        package mutating func next() -> (String, JSON)? { members.next().map { ($0.key, $0.value) } }
    }

    package func makeIterator() -> Iterator { Iterator(members: members.makeIterator()) }

    /// Two objects are equal when they have the same members, in whatever order.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.0] == $0.1 }
    }

    private func position(of key: String) -> Int? {
        members.count > Self.searchLimit ? positions[key] : members.firstIndex { $0.key == key }
    }
}
