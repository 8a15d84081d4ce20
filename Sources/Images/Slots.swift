/// A number of places for work that may go on at once; the others wait in line.
actor Slots {
    private var free: Int
    private var line: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) {
        free = max(1, count)
    }

    func run<Value: Sendable>(_ body: @Sendable () async -> Value) async -> Value {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { line.append($0) }
        }
        let value = await body()
        if line.isEmpty {
            free += 1
        } else {
            line.removeFirst().resume()
        }
        return value
    }
}
