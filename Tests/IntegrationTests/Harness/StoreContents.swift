import Foundation
import Testing

extension Daemon {
    /// The blobs, layers and containers of the store and what is half there, as paths in its root.
    func store() throws -> Set<String> {
        let script = """
            cd '\(data)'
            find images/blobs images/ingest images/partial -type f
            find layers containers -mindepth 1 -maxdepth 1
            """
        return Set(try succeed(["sh", "-c", script]).split(separator: "\n").map(String.init))
    }

    /// The same, to compare with: once the index for other tools is written, by way of a file in `ingest`, what was not
    /// needed is deleted, and what was committed is unpacked.
    func settledStore() throws -> Set<String> {
        var found: Set<String> = []
        try eventually("what goes on behind the answers is done") {
            found = try store()
            let isBusy = found.contains { name in
                ["images/ingest/", "layers/new-", "layers/old-"].contains { name.hasPrefix($0) }
            }
            return try !isBusy && layersOfImages().isSubset(of: found)
        }
        return found
    }

    private func layersOfImages() throws -> Set<String> {
        let images = try ok(.gantry, "images", "-q", "--no-trunc").split(separator: "\n").map(String.init)
        let layers = try ok(.gantry, ["image", "inspect", "-f", "{{join .RootFS.Layers \" \"}}"] + images)
        return Set(layers.split { $0.isWhitespace }.map { "layers/" + $0.dropFirst("sha256:".count) })
    }

    /// The store is or becomes what is wanted: the index is written and what is not needed is deleted a moment after the
    /// answers, and a container is taken apart after its own.
    func expectStore(
        _ wanted: Set<String>, _ round: String = "", at location: SourceLocation = #_sourceLocation
    ) throws {
        var found: Set<String> = []
        try? eventually("the store is as it should be", seconds: 5) {
            found = try store()
            return found == wanted
        }
        let differences = found.symmetricDifference(wanted).sorted().prefix(5)
        #expect(found == wanted, "\(round): \(differences)", sourceLocation: location)
    }
}
