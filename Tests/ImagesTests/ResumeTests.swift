import Foundation
import Images
import OCI
import Registry
import Testing

/// Transfers that stop and go on.
@Suite(.enabled(if: isRoot, "unpacking needs root"), .timeLimit(.minutes(2)))
struct ResumeTests {
    @Test func goesOnWhenAPeerFallsSilent() async throws {
        let registry = try UnrulyRegistry()
        var options = ImageOptions()
        options.registry.silence = .milliseconds(300)
        try await Fixture.with(options) { fixture in
            _ = try await fixture.images.pull(try registry.name("stall")) { _ in }
            #expect(fixture.partials.isEmpty)
        }
        let starts = try await registry.log().compactMap { Int($0.range.filter(\.isNumber)) }
        #expect(starts.count == 2 && starts[0] < starts[1], "\(starts)")
    }

    @Test func goesOnAfterTheDaemonDied() async throws {
        let registry = try UnrulyRegistry()
        let name = try registry.name("half")
        let first = try await Fixture()
        let pull = Task { try await first.images.pull(name) { _ in } }
        // Half of the blob is on the disk when the pull is given up.
        while first.partials.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
        try await Task.sleep(for: .milliseconds(200))
        pull.cancel()
        _ = try? await pull.value
        await first.images.shutdown()
        #expect(first.partials.count == 1)
        #expect(await first.leftovers.isEmpty)
        try await registry.go()
        let second = try await Fixture(root: first.root)
        #expect(second.partials.count == 1)
        let id = try await second.images.pull(name) { _ in }
        #expect(try second.images.resolve(name.familiar).id == id)
        #expect(second.partials.isEmpty)
        let ranges = try await registry.log().map(\.range).filter { !$0.isEmpty }
        #expect(ranges.count == 1 && ranges.allSatisfy { $0 > "bytes=0-" }, "\(ranges)")
        await second.close()
    }

    // A power failure may leave anything in a file that was never synced.
    @Test func beginsAgainWhenWhatWasLeftIsWrong() async throws {
        let registry = try UnrulyRegistry()
        let name = try registry.name("half")
        try await Fixture.with { fixture in
            let pull = Task { try await fixture.images.pull(name) { _ in } }
            while fixture.partials.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            pull.cancel()
            _ = try? await pull.value
            let file = fixture.root + "/images/partial/" + (try #require(fixture.partials.first))
            try Data(count: 70_000).write(to: URL(fileURLWithPath: file))
            try await registry.go()
            _ = try await fixture.images.pull(name) { _ in }
            #expect(fixture.partials.isEmpty)
        }
    }

    @Test func forgetsWhenAsked() async throws {
        let registry = try UnrulyRegistry()
        try await Fixture.with { fixture in
            _ = try? await fixture.images.pull(try registry.name("short")) { _ in }
            #expect(fixture.partials.count == 1)
            #expect(fixture.images.forgetInterruptedTransfers() > 100_000)
            #expect(fixture.partials.isEmpty)
        }
    }
}
