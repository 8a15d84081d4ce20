import OCI
import Testing

@Suite struct ImageDocumentTests {
    static let hex = String(repeating: "1", count: 64)
    static let entry = #"{"mediaType":"m","digest":"sha256:\#(hex)","size":3}"#

    static func parse(_ text: String, _ type: String? = nil) throws -> ImageDocument {
        try ImageDocument(parsing: Array(text.utf8), mediaType: type)
    }

    @Test func readsManifests() throws {
        let text = #"{"schemaVersion":2,"config":\#(Self.entry),"layers":[\#(Self.entry)],"unknown":[1,{}]}"#
        guard case .manifest(let manifest) = try Self.parse(text) else {
            Issue.record("not a manifest")
            return
        }
        #expect(manifest.layers.count == 1)
        #expect(manifest.raw == Array(text.utf8))
        #expect(manifest.configuration.size == 3)
    }

    @Test func choosesFromAnIndex() throws {
        func entry(_ digit: String, _ os: String, _ architecture: String) -> String {
            let digest = "sha256:" + String(repeating: digit, count: 64)
            return #"{"mediaType":"m","digest":"\#(digest)","size":1,"platform":"#
                + #"{"os":"\#(os)","architecture":"\#(architecture)"}}"#
        }
        let text =
            #"{"schemaVersion":2,"manifests":[\#(entry("1", "linux", "arm64")),\#(entry("2", "linux", "amd64")),"#
            + #"\#(entry("3", "unknown", "unknown"))]}"#
        guard case .index(let index) = try Self.parse(text) else {
            Issue.record("not an index")
            return
        }
        #expect(index.best(for: try Platform("linux/amd64"))?.digest.hex.first == "2")
        #expect(index.best(for: try Platform("linux/arm64"))?.digest.hex.first == "1")
        #expect(index.best(for: try Platform("linux/s390x")) == nil)
    }

    // CVE-2021-41190: what one reader takes for an index must not be a manifest for another.
    @Test(arguments: [
        #"{"schemaVersion":2,"manifests":[],"layers":[]}"#,
        #"{"schemaVersion":2,"manifests":[],"config":{}}"#,
        #"{"schemaVersion":2,"manifests":[],"Layers":[]}"#,
        #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
        #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":\#(entry),"layers":[]}"#,
        #"{"schemaVersion":2,"mediaType":"a","MediaType":"b","manifests":[]}"#,
    ])
    func refusesTwoFaces(_ text: String) {
        #expect(throws: OCIError.self) { try Self.parse(text) }
    }

    @Test(arguments: [
        "", "[]", "null", "{}", #"{"schemaVersion":2}"#, #"{"schemaVersion":3,"manifests":[]}"#,
        #"{"schemaVersion":2,"config":\#(entry)}"#,
        #"{"schemaVersion":2,"config":{"digest":"sha256:../x","size":1},"layers":[]}"#,
        #"{"schemaVersion":2,"config":{"digest":"sha256:\#(hex)","size":-1},"layers":[]}"#,
        #"{"schemaVersion":2,"manifests":{}}"#,
    ])
    func refusesNonsense(_ text: String) {
        #expect(throws: OCIError.self) { try Self.parse(text) }
    }

    @Test func refusesSchema1Clearly() {
        do {
            _ = try Self.parse(#"{"schemaVersion":1,"fsLayers":[]}"#)
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains("schema version 1 is obsolete"))
        }
    }

    @Test func readsConfigurations() throws {
        let text = """
            {"architecture":"arm64","variant":"v8","os":"linux","created":"2026-01-02T03:04:05Z","config":{"User":"1:2",
            "ExposedPorts":{"80/tcp":{},"53/udp":{}},"Env":["A=b"],"Entrypoint":null,"Cmd":[],"Volumes":{"/v":{}},
            "WorkingDir":"/w","Labels":{"k":"v"},"StopSignal":"SIGINT","Healthcheck":{"Test":["NONE"],"Retries":3}},
            "rootfs":{"type":"layers","diff_ids":["sha256:\(Self.hex)"]},"history":[{"created_by":"x","empty_layer":true}]}
            """
        let image = try ImageConfiguration(parsing: Array(text.utf8))
        #expect(image.platform.description == "linux/arm64")
        #expect(image.variant == "v8")
        #expect(image.config.exposedPorts == ["53/udp", "80/tcp"])
        #expect(image.config.entrypoint == nil)
        #expect(image.config.cmd == [])
        #expect(image.config.healthcheck?.retries == 3)
        #expect(image.config.labels == ["k": "v"])
        #expect(image.diffIDs.count == 1)
        #expect(image.history.first?.isEmptyLayer == true)
        #expect(image.raw == Array(text.utf8))
    }
}
