/// Runs `body` for all items at the same time. The first failure cancels the others, and is the one that counts: they follow
/// from it.
func allAtOnce<Item: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item) async throws(ImageError) -> Void
) async throws(ImageError) {
    let failure = await withTaskGroup(of: ImageError?.self) { group -> ImageError? in
        for item in items {
            group.addTask {
                do throws(ImageError) {
                    try await body(item)
                    return nil
                } catch {
                    return error
                }
            }
        }
        var first: ImageError?
        for await failure in group where failure != nil {
            if first == nil { first = failure }
            group.cancelAll()
        }
        return first
    }
    if let failure { throw failure }
}
