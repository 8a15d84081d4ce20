import Networking
import Testing

@Suite struct ErrorTests {
    @Test func takenPortErrorNamesHolderAndNextFreePort() {
        let error = NetworkError.portTaken(
            address: "0.0.0.0", port: 8080, transport: "tcp", holder: "nginx (pid 812)", nextFree: 8081)
        #expect(error.description.hasPrefix("port 8080 is taken by nginx (pid 812); 8081 is free"))
        #expect(error.description.contains("Bind for 0.0.0.0:8080 failed: port is already allocated"))
    }
}
