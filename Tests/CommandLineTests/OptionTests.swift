import JSON
import OCI
import Testing

import CommandLine

@Suite("What stands behind flags")
struct OptionTests {
    private func bindings(_ words: String...) throws -> [String: [String]] {
        var ports = PublishedPorts()
        for word in words { try ports.publish(word) }
        return ports.bindings.mapValues { $0.map { "\($0.address)|\($0.port)" } }
    }

    @Test func publishedPorts() throws {
        #expect(try bindings("80") == ["80/tcp": ["|"]])
        #expect(try bindings("8080:80", "8081:80") == ["80/tcp": ["|8080", "|8081"]])
        #expect(try bindings("127.0.0.1:80:80/udp") == ["80/udp": ["127.0.0.1|80"]])
        #expect(try bindings("127.0.0.1::80") == ["80/tcp": ["127.0.0.1|"]])
        #expect(try bindings("[::1]:8080:80") == ["80/tcp": ["::1|8080"]])
        #expect(try bindings("9000-9001:80-81") == ["80/tcp": ["|9000"], "81/tcp": ["|9001"]])
        #expect(try bindings("9000-9005:80") == ["80/tcp": ["|9000-9005"]])
        #expect(try bindings("target=80,published=8080,protocol=udp") == ["80/udp": ["|8080"]])
    }

    private static let refusedPortsCases: [(String, String)] = [
        ("1:2:3:4", "invalid IP address: 1:2"), ("x", "invalid containerPort: x"), ("x:80", "invalid hostPort: x"),
        ("80/foo", "invalid proto: foo"),
        ("1-3:80-81", "invalid ranges specified for container and host Ports: 80-81 and 1-3"),
    ]

    @Test(arguments: refusedPortsCases) func refusedPorts(_ word: String, _ message: String) {
        #expect(throws: CommandError(message)) { try bindings(word) }
    }

    @Test func sizes() {
        #expect(Quantities.bytes("64m") == 67_108_864)
        #expect(Quantities.bytes("1.5g") == 1_610_612_736)
        #expect(Quantities.bytes("512") == 512)
        #expect(Quantities.bytes("10KiB") == 10240)
        #expect(Quantities.bytes("10kb") == 10240)
        #expect(Quantities.bytes("abc") == nil)
        #expect(Quantities.bytes("") == nil)
        #expect(Quantities.bytes("-1") == nil)
        #expect(Quantities.nanoCPUs("1.5") == 1_500_000_000)
        #expect(Quantities.nanoCPUs("x") == nil)
        #expect(GoDuration.nanoseconds("1h2m3.5s") == 3_723_500_000_000)
        #expect(GoDuration.nanoseconds("100ms") == 100_000_000)
        #expect(GoDuration.nanoseconds("5") == nil)
    }

    @Test func variables() throws {
        let words = ["A=1", "HOME", "MISSING", "B="]
        let result = try Pairs.environment(files: [], words: words) { $0 == "HOME" ? "/root" : nil }
        #expect(result == ["A=1", "HOME=/root", "MISSING", "B="])
        let labels = try Pairs.labels(files: [], words: ["a=b=c", "d", "a=x"])
        #expect(labels.map { "\($0.0):\($0.1)" } == ["d:", "a:x"])
    }

    @Test func volumes() throws {
        #expect(try MountFlag.volume("/data").anonymous == "/data")
        #expect(try MountFlag.volume("/a:/b:ro").bind == "/a:/b:ro")
        #expect(try MountFlag.volume("name:/b").bind == "name:/b")
        #expect(try MountFlag.volume("./x:/b").bind?.hasPrefix("/") == true)
        #expect(throws: CommandError.self) { try MountFlag.volume("/a::ro") }
        let mount = try MountFlag.mount("type=bind,\"source=/a,b\",target=/c,readonly,bind-propagation=rslave")
        #expect(
            mount == [
                "Source": "/a,b", "Target": "/c", "ReadOnly": true, "Type": "bind",
                "BindOptions": ["Propagation": "rslave"],
            ])
        #expect(MountFlag.refusal("foo") == "invalid field 'foo' must be a key=value pair")
        #expect(MountFlag.refusal("type=bind,source=/x") == "target is required")
    }

    @Test func limits() throws {
        #expect(Limits.ulimit("nofile=1:2") == ["Name": "nofile", "Soft": 1, "Hard": 2])
        #expect(Limits.ulimit("nofile=3:2") == nil)
        #expect(Limits.ulimit("foo=1") == nil)
        #expect(try Limits.restartPolicy("on-failure:5") == ["Name": "on-failure", "MaximumRetryCount": 5])
        #expect(throws: CommandError.self) { try Limits.restartPolicy("on-failure:x") }
        let device = try Limits.device("/dev/a:/dev/b:r")
        #expect(device == ["PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"])
    }

    @Test func names() {
        #expect(Names.withDefaultTag("busybox") == "busybox:latest")
        #expect(Names.withDefaultTag("127.0.0.1:5000/a") == "127.0.0.1:5000/a:latest")
        #expect(Names.canonical("busybox") == "docker.io/library/busybox:latest")
        #expect(Names.canonical("me/x:1") == "docker.io/me/x:1")
        #expect(Names.canonical("localhost:5000/x") == "localhost:5000/x:latest")
        #expect(Names.split("a/b@sha256:1") == ("a/b", "sha256:1"))
    }

    @Test func times() throws {
        #expect(try Times.parameter("10m", now: 1000) == "400")
        #expect(try Times.parameter("1136073600.5") == "1136073600.5")
        #expect(try Times.parameter("2006-01-02T15:04:05.123Z") == "1136214245.123000000")
        #expect(try Times.parameter("2006-01-02T15:04:05+01:00") == "1136210645.000000000")
        #expect(throws: CommandError.self) { try Times.parameter("yesterday") }
    }

    @Test func hosts() throws {
        #expect(try DaemonEndpoint("unix:///a") == .unix("/a"))
        #expect(try DaemonEndpoint("tcp://h:1") == .tcp(host: "h", port: "1"))
        #expect(try DaemonEndpoint(":4200") == .tcp(host: "127.0.0.1", port: "4200"))
        #expect(try DaemonEndpoint("[::1]:4200") == .tcp(host: "::1", port: "4200"))
        #expect(throws: CommandError.self) { try DaemonEndpoint("foo://") }
    }
}
