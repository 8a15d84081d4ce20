/// The candidate that differs from `word` by at most two edits, if one does.
package func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let limit = word.count <= 3 ? 1 : 2
    var best: (name: String, distance: Int)?
    for candidate in candidates {
        let distance = edits(from: Array(word), to: Array(candidate))
        if distance <= limit, best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
    }
    return best?.name
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
private func edits(from left: [Character], to right: [Character]) -> Int {
    if abs(left.count - right.count) > 2 { return 3 }
    var before: [Int] = []
    var previous = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let cost = left[row] == right[column] ? 0 : 1
            var distance = min(previous[column] + cost, previous[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                distance = min(distance, before[column - 1] + 1)
            }
            current.append(distance)
        }
        before = previous
        previous = current
    }
    return previous[right.count]
}
