import Testing

import CommandLine

private let flags = [
    Flag("interactive", "i", .bool(), ""), Flag("tty", "t", .bool(), ""), Flag("rm", nil, .bool(), ""),
    Flag("sig-proxy", nil, .bool(true), ""), Flag("publish", "p", .list(), ""), Flag("env", "e", .list(), ""),
    Flag("name", nil, .string, ""), Flag("cpu-shares", "c", .int, ""),
    Flag("net", nil, .list("network"), "", isHidden: true, canonical: "network"),
    Flag("network", nil, .list("network"), ""),
]

@Suite("Flags are read as pflag reads them")
struct GrammarTests {
    private func parse(_ words: String...) throws -> ParsedFlags {
        try ParsedFlags(words, flags: flags, interspersed: false)
    }

    @Test func shortFlagsStandTogether() throws {
        let parsed = try parse("-it", "-p8080:80", "-eA=b", "-p", "90", "-e=C=d", "busybox", "-x", "--rm")
        #expect(parsed.bool("interactive") && parsed.bool("tty") && !parsed.bool("rm"))
        #expect(parsed.list("publish") == ["8080:80", "90"])
        #expect(parsed.list("env") == ["A=b", "C=d"])
        #expect(parsed.arguments == ["busybox", "-x", "--rm"])
    }

    @Test func valuesFollowAnEqualSignOrASpace() throws {
        let parsed = try parse(
            "--name=x=y", "--sig-proxy=false", "--rm=true", "--net", "none", "--network=host", "image")
        #expect(parsed.string("name") == "x=y")
        #expect(!parsed.bool("sig-proxy") && parsed.bool("rm"))
        #expect(parsed.list("network") == ["none", "host"])
        #expect(try parse("image").bool("sig-proxy"))
    }

    @Test func flagsMayFollowArgumentsWhereAllowed() throws {
        let words = ["web", "--rm", "--", "--name"]
        let parsed = try ParsedFlags(words, flags: flags, interspersed: true)
        #expect(parsed.bool("rm"))
        #expect(parsed.arguments == ["web", "--name"])
    }

    private static let refusalsCases: [([String], String)] = [
        (["--foo"], "unknown flag: --foo"), (["-y"], "unknown shorthand flag: 'y' in -y"),
        (["-iy"], "unknown shorthand flag: 'y' in -iy"), (["--name"], "flag needs an argument: --name"),
        (["-p"], "flag needs an argument: 'p' in -p"),
        (["--rm=x"], "invalid argument \"x\" for \"--rm\" flag: strconv.ParseBool: parsing \"x\": invalid syntax"),
        (
            ["-c", "x"],
            "invalid argument \"x\" for \"-c, --cpu-shares\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"
        ),
    ]

    @Test(arguments: refusalsCases) func refusals(_ words: [String], _ message: String) {
        #expect(throws: CommandError(message, status: 125)) {
            try ParsedFlags(words, flags: flags, interspersed: false)
        }
    }

    @Test func aMisspeltFlagHasANeighbour() {
        #expect(throws: CommandError("unknown flag: --nmae\n\ndid you mean --name?", status: 125)) {
            try ParsedFlags(["--nmae"], flags: flags, interspersed: false)
        }
        #expect(nearest(to: "rnu", among: ["run", "rm", "ps"]) == "run")
        #expect(nearest(to: "frobnicate", among: ["run", "rm", "ps"]) == nil)
    }
}
