import APIServer
import Engine
import HTTP
import Images
import Linux
import Networking
import Testing

@Suite struct ErrorMappingTests {
    static let cases: [(any Error, Int)] = [
        (EngineError.noSuchContainer("x"), 404), (EngineError.noSuchExec("x"), 404),
        (EngineError.noSuchNetwork("x"), 404), (EngineError.ambiguous("a"), 400), (EngineError.invalid("x"), 400),
        (EngineError.conflict("x"), 409), (EngineError.notRunning("x"), 409),
        (EngineError.image(.notFound("No such image: x:latest")), 404),
        (EngineError.network(.noSuchNetwork("x")), 404),
        (EngineError.launch(exitCode: 127, message: "x"), 400), (EngineError.launch(exitCode: 126, message: "x"), 400),
        (EngineError.launch(exitCode: 125, message: "x"), 500),
        (EngineError.system(SystemError("open", "/x", code: 2)), 500), (EngineError.internalFailure("x"), 500),
        (ImageError.notFound("x"), 404), (ImageError.invalidReference("x"), 400), (ImageError.conflict("x"), 409),
        (ImageError.unauthorized("x"), 404), (ImageError.corrupt("x"), 500), (ImageError.unreachable("x"), 500),
        (ImageError.tooManyRequests("x"), 429), (ImageError.noSpace("x"), 500),
        (HTTPError.malformed("x"), 400), (HTTPError.bodyTooLarge(limit: 1), 413),
        (APIError(.conflict, "x"), 409),
    ]

    @Test(arguments: cases.indices)
    func everyErrorHasItsStatus(index: Int) {
        let (error, status) = Self.cases[index]
        #expect(APIError(error).status.code == status, "\(error)")
    }

    @Test func textsAreTheRooms() {
        #expect(APIError(EngineError.noSuchContainer("x")).message == "No such container: x")
        #expect(APIError(EngineError.image(.notFound("No such image: x:latest"))).message == "No such image: x:latest")
    }
}
