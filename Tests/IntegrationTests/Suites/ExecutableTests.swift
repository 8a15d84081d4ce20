import Foundation
import Testing

extension Integration {
    /// What the executables are made of.
    @Suite struct ExecutableTests {
        /// Dispatch and the concurrency runtime would be set up at every start. One closure at the top level, one
        /// ContinuousClock links them.
        @Test(arguments: ["gantry", "gantry-runtime"]) func standsWithoutDispatch(name: String) throws {
            let program = try Data(contentsOf: URL(fileURLWithPath: Programs.binaries + "/" + name))
            #expect(program.range(of: Data("swift_retain".utf8)) != nil, "its symbols are not stripped")
            #expect(program.range(of: Data("libdispatch_init".utf8)) == nil)
            #expect(program.range(of: Data("swift_task_isCurrentExecutor".utf8)) == nil)
        }
    }
}
