import OCI
import Testing

@Suite struct ReferenceTests {
    @Test(arguments: [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("someone/thing", "docker.io/someone/thing", "someone/thing"),
        ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"),
        ("localhost/x", "localhost/x", "localhost/x"),
        ("localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"),
        ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000/x"),
        ("[::1]:5000/x:y", "[::1]:5000/x:y", "[::1]:5000/x:y"),
        ("quay.io/a__b/c-d.e:V1", "quay.io/a__b/c-d.e:V1", "quay.io/a__b/c-d.e:V1"),
        ("REGISTRY/x", "REGISTRY/x", "REGISTRY/x"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
    ])
    func parses(_ text: String, _ full: String, _ familiar: String) throws {
        let reference = try Reference(text)
        #expect(reference.description == full)
        #expect(reference.familiar == familiar)
        #expect(try Reference(full) == reference)
    }

    @Test func tagsAndDigests() throws {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        let both = try Reference("x:t@\(digest)")
        #expect(both.tag == "t")
        #expect(both.digest?.description == digest)
        #expect(both.familiar == "x:t@\(digest)")
        #expect(try Reference("x").withDefaultTag.familiar == "x:latest")
        #expect(try Reference("x@\(digest)").withDefaultTag.tag == nil)
    }

    // The texts are those of docker 28.
    @Test(arguments: [
        ("", "invalid reference format"),
        ("a:b:c", "invalid reference format"),
        ("BusyBox", "invalid reference format: repository name (library/BusyBox) must be lowercase"),
        ("x@sha256:abc", "invalid reference format"),
        ("x@sha256:" + String(repeating: "a", count: 63), "invalid checksum digest length"),
        ("x@md5:" + String(repeating: "a", count: 32), "unsupported digest algorithm"),
        ("a//b", "invalid reference format"),
        ("/a", "invalid reference format"),
        ("a/", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a-", "invalid reference format"),
        ("a:.t", "invalid reference format"),
        ("a:" + String(repeating: "t", count: 129), "invalid reference format"),
        ("../../etc/passwd", "invalid reference format"),
        ("a\nb", "invalid reference format"),
        (
            String(repeating: "a", count: 64),
            "invalid repository name (" + String(repeating: "a", count: 64)
                + "), cannot specify 64-byte hexadecimal strings"
        ),
        (String(repeating: "a", count: 300), "repository name must not be more than 255 characters"),
    ])
    func refuses(_ text: String, _ reason: String) {
        #expect(throws: OCIError.invalidReference(reason)) { try Reference(text) }
    }
}

@Suite struct DigestTests {
    @Test func acceptsOnlyWholeLowerCaseDigests() throws {
        let hex = String(repeating: "0123456789abcdef", count: 4)
        #expect(try Digest("sha256:" + hex).hex == hex)
        #expect(try Digest("sha512:" + hex + hex).algorithm == .sha512)
        #expect(Digest(.sha256, hash: [UInt8](repeating: 0xab, count: 32)).hex.hasPrefix("abab"))
    }

    // CVE-2024-3727: a digest becomes part of a path.
    @Test(arguments: [
        "sha256:../../x", "sha256:", "sha256", "", "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:" + String(repeating: "A", count: 64), "sha256:" + String(repeating: "a", count: 65),
        "sha256:" + String(repeating: "a", count: 63) + "/", " sha256:" + String(repeating: "a", count: 64),
        "sha256:" + String(repeating: "a", count: 63) + "\u{e9}", "SHA256:" + String(repeating: "a", count: 64),
    ])
    func refuses(_ text: String) {
        #expect(throws: OCIError.invalidDigest(text)) { try Digest(text) }
    }
}

@Suite struct PlatformTests {
    @Test func normalizes() throws {
        #expect(try Platform("linux/x86_64").description == "linux/amd64")
        #expect(try Platform("linux/aarch64").description == "linux/arm64")
        #expect(try Platform("linux/arm64/v8").description == "linux/arm64")
        #expect(try Platform("linux/armhf").description == "linux/arm/v7")
        #expect(try Platform("arm64").architecture == "arm64")
        #expect(try Platform("linux").architecture == Platform.host.architecture)
        for text in ["", "/", "linux/", "linux/amd64/v1/x", "linux/am d64"] {
            #expect(throws: OCIError.invalidPlatform(text)) { try Platform(text) }
        }
    }

    /// The number in a variant is an index's word for it.
    @Test(
        arguments: [
            "0", "-1", "2147483648", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "1e308",
            "1.5",
        ], ["amd64", "arm64", "arm", "386"])
    func ranksVariantsAtTheirExtremes(variant: String, architecture: String) throws {
        for other in ["amd64", "arm64", "arm", "386"] {
            let strange = Platform(os: "linux", architecture: architecture, variant: "v" + variant)
            let usual = Platform(os: "linux", architecture: other)
            for rank in [usual.rank(of: strange), strange.rank(of: usual)].compactMap({ $0 }) {
                #expect((-1000...1000).contains(rank))
            }
        }
    }

    @Test func ranks() throws {
        let arm = try Platform("linux/arm64")
        #expect(arm.rank(of: try Platform("linux/arm64/v8")) == 0)
        #expect(arm.rank(of: try Platform("linux/amd64")) == nil)
        #expect(arm.rank(of: try Platform("windows/arm64")) == nil)
        let seven = try #require(arm.rank(of: try Platform("linux/arm/v7")))
        let six = try #require(arm.rank(of: try Platform("linux/arm/v6")))
        #expect(seven < six)
        let old = try Platform("linux/arm/v6")
        #expect(old.rank(of: try Platform("linux/arm/v7")) == nil)
    }
}

@Suite struct TimestampTests {
    /// Dates of images and times in requests are anybody's.
    @Test(arguments: [
        (Int64.min, "0000-01-01T00:00:00Z"), (Int64.max, "9999-12-31T23:59:59Z"),
        (-62_167_219_201, "0000-01-01T00:00:00Z"), (253_402_300_800, "9999-12-31T23:59:59Z"),
    ])
    func staysWithinTheYearsThatCanBeWritten(seconds: Int64, text: String) throws {
        let moment = Timestamp(seconds: seconds)
        #expect(moment.description == text)
        #expect(try Timestamp(moment.description) == moment)
        #expect(moment.unixNanoseconds == (seconds < 0 ? .min : .max))
        #expect(Timestamp(moment: "\(seconds)") == moment)
    }

    @Test(arguments: ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"])
    func offsetsDoNotLeadOut(text: String) throws {
        let moment = try Timestamp(text)
        #expect(try Timestamp(moment.description) == moment)
    }

    @Test(arguments: [
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.99999999999999999999",
        "2562047h47m16s", "-2562047h47m16s",
        "1e308", "1e308s", "99999-01-01", "9999-12-31T23:59:59-23:59", "0000-01-01", "-0", "1.-1",
    ])
    func momentsAtTheirExtremes(text: String) {
        if let moment = Timestamp(moment: text) { #expect(moment.description.utf8.count <= 30) }
    }

    @Test(arguments: [
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"),
        ("2026-01-02T03:04:05.120000000Z", "2026-01-02T03:04:05.12Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2024-02-29T23:59:59+02:00", "2024-02-29T21:59:59Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2026-01-02T03:04:05.1234567891Z", "2026-01-02T03:04:05.123456789Z"),
    ])
    func goesRound(_ text: String, _ expected: String) throws {
        #expect(try Timestamp(text).description == expected)
    }

    @Test func knowsZeroAndNine() throws {
        #expect(try Timestamp("0001-01-01T00:00:00Z").isZero)
        #expect(Timestamp(seconds: 0).text(nanoseconds: .nine) == "1970-01-01T00:00:00.000000000Z")
        #expect(Timestamp(seconds: 951_782_400).description == "2000-02-29T00:00:00Z")
        for text in ["", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "x"] {
            #expect(throws: OCIError.invalidTimestamp(text)) { try Timestamp(text) }
        }
    }

    @Test func readsDurations() {
        #expect(GoDuration.nanoseconds("1h30m") == Int64(5_400_000_000_000))
        #expect(GoDuration.nanoseconds("1.5s") == 1_500_000_000)
        #expect(GoDuration.nanoseconds("300ms") == 300_000_000)
        #expect(GoDuration.nanoseconds("0") == 0)
        for text in ["", "1", "s", "1x", "1h1"] { #expect(GoDuration.nanoseconds(text) == nil) }
    }
}
