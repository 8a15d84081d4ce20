import JSON
import Testing

import CommandLine

@Suite("What people read")
struct FormatTests {
    private static let spansCases: [(Double, String)] = [
        (0.4, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (150, "2 minutes"),
        (3600, "About an hour"), (3600 * 47, "47 hours"), (3600 * 49, "2 days"), (86400 * 15, "2 weeks"),
        (86400 * 70, "2 months"), (86400 * 800, "2 years"),
    ]

    @Test(arguments: spansCases) func spans(_ seconds: Double, _ words: String) {
        #expect(Units.span(seconds) == words)
    }

    @Test func sizes() {
        #expect(Units.size(0, precision: 3) == "0B")
        #expect(Units.size(1_982_411, precision: 3) == "1.98MB")
        #expect(Units.size(1_982_411) == "1.982MB")
        #expect(Units.size(999) == "999B")
        #expect(Units.size(1_500_000_000) == "1.5GB")
    }

    @Test func columnsAreAsWideAsTheirWidestCell() {
        let table = TabWriter().format("NAME\tX\tLAST\nlonger-than-ten\t1\tz\n")
        #expect(table == "NAME              X         LAST\nlonger-than-ten   1         z\n")
        #expect(TabWriter(minimumWidth: 20).format("A\tB\n") == "A                   B\n")
        #expect(TabWriter().format("a\tb\nplain\na\tb\n") == "a         b\nplain\na         b\n")
    }

    /// A manifest may say that a layer has 2^63-1 bytes, and a registry may send one of them a second.
    @Test func progressOfAbsurdSizes() async {
        // In a process of its own, which a number that does not fit would end.
        await #expect(processExitsWith: .success) {
            for (current, total) in [
                (Int64(1), Int64.max), (.max, .max), (.max, 1), (.min, .max), (.max, .min), (0, .max), (-1, -1),
            ] {
                var layer = TransferProgress()
                _ = layer.text("Downloading", 0, total, at: 0, room: 80)
                let text = layer.text("Downloading", current, total, at: .max, room: 80)
                #expect(text.utf8.count <= 80, "\(text)")
            }
        }
    }

    @Test func registriesAreCalledAsTheDaemonCallsThem() {
        for (image, key) in [
            ("bar", RegistryName.hub), ("foo/bar", RegistryName.hub), ("docker.io/bar", RegistryName.hub),
            ("registry-1.docker.io/foo/bar", RegistryName.hub), ("localhost/bar", "localhost"),
            ("foo.test/bar", "foo.test"), ("foo:5000/bar", "foo:5000"), ("/bar", RegistryName.hub),
            // No repository has capital letters: a host's name, which must not see what Docker Hub is told.
            ("FOO/bar", "FOO"), ("fOO/bar:tag", "fOO"),
        ] {
            #expect(RegistryName.key(forImage: image) == key, "\(image)")
        }
        #expect(RegistryName.key(forSearch: "FOO/bar") == RegistryName.hub)
        #expect(RegistryName.key(forSearch: "foo.test/bar") == "foo.test")
    }

    @Test func transfersHaveARateAndATimeLeft() {
        let start: Int64 = 5_000_000_000
        var layer = TransferProgress()
        #expect(layer.text("Pulling fs layer", 0, 0, at: start, room: 90) == "")
        func bar(_ filled: Int, _ empty: Int) -> String {
            "[\(String(repeating: "=", count: filled))>\(String(repeating: " ", count: empty))] "
        }
        let first = layer.text("Downloading", 1000, 4_001_000, at: start, room: 40)
        #expect(first == bar(0, 20) + "     1kB/4.001MB")
        // What was there before does not count as speed.
        let later = start + 2_000_000_000
        let counts = " 1.001MB/4.001MB  500kB/s 6s"
        #expect(layer.text("Downloading", 1_001_000, 4_001_000, at: later, room: 60) == bar(7, 21) + counts)
        #expect(layer.text("Downloading", 1_001_000, 4_001_000, at: later, room: 200) == bar(12, 38) + counts)
        #expect(layer.text("Downloading", 1_001_000, 4_001_000, at: later, room: 9) == counts)
        #expect(
            layer.text("Downloading", 1_001_000, 400_001_000, at: later, room: 0) == " 1.001MB/400MB  500kB/s 13m18s")
        // Another thing is done with it: the time starts anew.
        #expect(
            layer.text("Extracting", 4_001_000, 4_001_000, at: start + 9_000_000_000, room: 0) == " 4.001MB/4.001MB")
    }

    @Test func ports() {
        func port(_ address: String?, _ host: Int, _ inside: Int, _ type: String = "tcp") -> JSON {
            var port: JSON = ["PrivatePort": JSON(inside), "Type": .string(type)]
            if let address {
                port["IP"] = .string(address)
                port["PublicPort"] = JSON(host)
            }
            return port
        }
        #expect(PortList.text([port("0.0.0.0", 8080, 80), port(nil, 0, 443)]) == "443/tcp, 0.0.0.0:8080->80/tcp")
        #expect(
            PortList.text([port("127.0.0.1", 9001, 9001), port("127.0.0.1", 9000, 9000)])
                == "127.0.0.1:9000-9001->9000-9001/tcp")
        #expect(PortList.text([port("::", 8080, 80)]) == "[::]:8080->80/tcp")
        #expect(PortList.text([port(nil, 0, 3000), port(nil, 0, 3001)]) == "3000-3001/tcp")
    }
}

@Suite("Streams")
struct StreamTests {
    @Test(arguments: [1, 3, 8, 9, 100]) func framesMayBeCutAnywhere(_ size: Int) throws {
        let bytes: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 2, 65, 66, 2, 0, 0, 0, 0, 0, 0, 1, 67, 1, 0, 0, 0, 0, 0, 0, 0]
        var demultiplexer = StreamDemultiplexer()
        var output: [UInt8: [UInt8]] = [:]
        for start in stride(from: 0, to: bytes.count, by: size) {
            try demultiplexer.feed(Array(bytes[start..<min(start + size, bytes.count)])) { stream, piece in
                output[stream, default: []] += piece
            }
        }
        #expect(output == [1: [65, 66], 2: [67]])
    }

    @Test func documentsMayBeCutAnywhere() throws {
        let text = Array("{\"a\":\"}{\\\"\"}\r\n{\"b\":[1,{}]} {\"c\":null}".utf8)
        for size in [1, 4, 100] {
            var stream = DocumentStream()
            var documents: [JSON] = []
            for start in stride(from: 0, to: text.count, by: size) {
                documents += try stream.feed(Array(text[start..<min(start + size, text.count)]))
            }
            #expect(documents == [["a": "}{\""], ["b": [1, [:]]], ["c": nil]])
        }
    }
}
