/// Elements for a thread that waits for them, in the order in which they came.
package final class BlockingQueue<Element>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
    }

    private let state = ConditionLock(State())

    package init() {}

    /// False when it was closed: nobody will take the element.
    @discardableResult
    package func push(_ element: sending Element) -> Bool {
        state.change { state in
            if !state.isClosed { state.elements.append(element) }
            return !state.isClosed
        }
    }

    /// Nothing can be pushed any more; what was pushed before can still be taken.
    package func close() { state.change { $0.isClosed = true } }

    /// Blocks the thread until there is something, and takes all of it; nil when it is closed and empty.
    package func takeAll() -> [Element]? {
        state.wait(until: { $0.isClosed || !$0.elements.isEmpty }) { state in
            defer { state.elements = [] }
            return state.elements.isEmpty ? nil : state.elements
        }
    }
}
