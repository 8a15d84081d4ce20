import Foundation
import Glibc
import Testing

extension Integration {
    /// What programs read of the commands and calls around images is what they read with Docker 20.10.
    @Suite struct ImageComparisons {
        @Test func commandsAndCallsAnswerAsDockerDoes() throws {
            let scratch = try Scratch("compare")
            let archive = scratch.path + "/all.tar"
            try succeed(["python3", Programs.fixtures + "/images.py", "archive", archive])
            let docker = try DockerEngine()
            try Daemon.with { daemon in
                let comparison = try Comparison(docker, daemon, scratch: scratch.path)
                for section in try Comparison.Section.read("image_commands.txt") {
                    try comparison.run(section, archive: archive)
                }
                for side in comparison.sides { try side.removeAll() }
                let words = [Programs.python, Programs.fixtures + "/image_api.py", archive]
                let expected = try command(words, environment: docker.environment.merging(tar) { $1 })
                let answers = try command(words, environment: daemon.environment.merging(tar) { $1 })
                #expect(expected.status == 0, "\(expected)")
                #expect(answers.status == 0, "\(answers)")
                for (answer, other) in zip(answers.lines, expected.lines) where answer != other {
                    Issue.record("--- is\n\(answer)\n--- with Docker\n\(other)")
                }
                #expect(answers.lines.count == expected.lines.count)
            }
        }

        /// The messages of transfers, in an order that programs know.
        @Test func transfersTellWhatDockerTells() throws {
            let registry = try Registry.get()
            let docker = try DockerEngine(isAlone: false)
            try Daemon.with { daemon in
                let ways = [docker.environment, daemon.environment]
                let outputs = try ways.enumerated().map { number, environment in
                    // A repository each: what one has pushed, the other would find there.
                    let more = [
                        "REGISTRY": "127.0.0.1:\(registry.port)", "PUSHED": "test/told-\(getpid())-\(number)",
                    ]
                    return try command(
                        [Programs.python, Programs.fixtures + "/transfer_messages.py"],
                        environment: environment.merging(more) { $1 })
                }
                for output in outputs { #expect(output.status == 0, "\(output)") }
                #expect(outputs[1].lines == outputs[0].lines)
            }
        }

        @Test func searchesAnswerAsDockerDoes() throws {
            let scratch = try Scratch("search")
            let archive = scratch.path + "/all.tar"
            try succeed(["python3", Programs.fixtures + "/images.py", "archive", archive])
            let service = try RegistryService("hub")
            let docker = try DockerEngine(isAlone: false)
            try Daemon.with { daemon in
                let comparison = try Comparison(
                    docker, daemon, scratch: scratch.path, variables: ["HUB": "127.0.0.1:\(service.port)"])
                for section in try Comparison.Section.read("search_commands.txt") {
                    try comparison.run(section, archive: archive)
                }
            }
        }

        private var tar: [String: String] { ["TAR": BusyboxImage.tar] }
    }
}
