import CommandLine
import JSON
import Linux
import OCI
import Testing

/// Numbers and texts from outside that nobody means.
@Suite("Extremes")
struct ExtremeTests {
    @Test(arguments: [
        "9999999999999g", "1e400", "9223372036854775808", "16384p", "inf", "nan", "-1", "1e400k", "0x10", "9e18m",
    ])
    func refusesSizes(_ text: String) { #expect(Quantities.bytes(text) == nil) }

    @Test(arguments: ["1e400", "1e400/1", "1/1e-400", "1e300/1e-300", "9223372037", "-1e400", "nan", "nan/1", "1/0"])
    func refusesProcessors(_ text: String) { #expect(Quantities.nanoCPUs(text) == nil) }

    @Test func readsProcessors() {
        #expect(Quantities.nanoCPUs("1.5") == 1_500_000_000)
        #expect(Quantities.nanoCPUs("1/3") == 333_333_333)
        #expect(Quantities.bytes("1.5g") == 3 << 29)
    }

    @Test(arguments: ["9223372036854775807h", "-9223372036854775807h", "2562048h", "99999999999999999999s", "1e5s"])
    func refusesDurations(_ text: String) { #expect(GoDuration.nanoseconds(text) == nil) }

    @Test(arguments: [
        "2026-01-01T00:00:00+999999999999999999:00", "-2147483648-01-01", "2026-99999999999-01", "99999-01-01",
        "2026-01-01T00:00:00+00:999999999999999999", "2026-01-01T999999999:00:00", "2026--2147483648-01",
    ])
    func refusesMoments(_ text: String) {
        #expect(throws: CommandError.self) { try Times.parameter(text) }
    }

    @Test func readsMoments() throws {
        #expect(try Times.parameter("2026-01-02T03:04:05.5+01:00") == "1767319445.500000000")
        #expect(try Times.parameter("-2562047h", now: .max) == String(Int64.max))
    }

    @Test func showsProgressOfAbsurdSizes() {
        var layer = TransferProgress()
        for (current, total) in [
            (Int64.max, Int64(1)), (.max, .max), (.min, .max), (1, .max), (.max - 1, .max), (-1, -1),
        ] {
            for now in [Int64(0), 3_000_000_000, .max] {
                #expect(layer.text("Downloading", current, total, at: now, room: 80).utf8.count < 200)
            }
        }
        let ports: [JSON] = [Int.max, Int.max - 1, Int.min].map { ["PrivatePort": JSON($0), "Type": "tcp"] }
        #expect(!PortList.text(ports).isEmpty)
        #expect(Units.span(1e300) == Units.span(.infinity))
        #expect(Units.span(-1e300) == "Less than a second")
    }

    @Test func makesTextFitForATerminal() {
        let hostile = "a\u{1b}]0;title\u{7}b\u{9b}31mc\u{202e}d\rE\u{7f}"
        #expect(TerminalText.escaped(hostile) == #"a\u001b]0;title\u0007b\u009b31mc\u202ed\u000dE\u007f"#)
        #expect(TerminalText.escaped("a\tb\n") == "a\tb\n")
        #expect(TerminalText.escaped("a\tb\n", keepsLines: false) == #"a\u0009b\u000a"#)
        #expect(TerminalText.escaped("plain ünïcode 👩‍🚀") == "plain ünïcode 👩‍🚀")
    }

    // In processes of their own: a trap would end the tests with it.

    @Test func survivesExtremeMoments() async {
        await #expect(processExitsWith: .success) {
            _ = try? Times.parameter("2026-01-01T00:00:00+999999999999999999:00")
        }
    }

    @Test func survivesExtremeProcessors() async {
        await #expect(processExitsWith: .success) { _ = Quantities.nanoCPUs("1e400/1") }
    }

    @Test func survivesExtremeProgress() async {
        await #expect(processExitsWith: .success) {
            var layer = TransferProgress()
            _ = layer.text("Downloading", .max, 1, at: 0, room: 80)
        }
    }
}
