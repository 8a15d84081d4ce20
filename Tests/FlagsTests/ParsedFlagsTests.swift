import Testing

import Flags

private let flags = [
    Flag("interactive", "i", .bool(), ""), Flag("tty", "t", .bool(), ""), Flag("rm", nil, .bool(), ""),
    Flag("sig-proxy", nil, .bool(true), ""), Flag("publish", "p", .list(), ""), Flag("env", "e", .list(), ""),
    Flag("name", nil, .string, ""), Flag("cpu-shares", "c", .int, ""),
    Flag("net", nil, .list("network"), "", isHidden: true, canonical: "network"),
    Flag("network", nil, .list("network"), ""),
]

@Suite("Flags are read as pflag reads them")
struct ParsedFlagsTests {
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
        (["-iyz"], "unknown shorthand flag: 'y' in -yz"), (["--name"], "flag needs an argument: --name"),
        (["-ip"], "flag needs an argument: 'p' in -p"), (["--=x"], "bad flag syntax: --=x"),
        (["---name"], "bad flag syntax: ---name"),
        (["--rm=x"], "invalid argument \"x\" for \"--rm\" flag: strconv.ParseBool: parsing \"x\": invalid syntax"),
        (
            ["-c", "x"],
            "invalid argument \"x\" for \"-c, --cpu-shares\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"
        ),
    ]

    @Test(arguments: refusalsCases) func refusals(_ words: [String], _ message: String) {
        let error = #expect(throws: FlagError.self) {
            try ParsedFlags(words, flags: flags, interspersed: false)
        }
        #expect(error?.message == message)
    }

    @Test func aMisspeltFlagHasANeighbour() {
        let error = #expect(throws: FlagError.unknown(word: "--nmae", near: "name")) {
            try ParsedFlags(["--nmae=x"], flags: flags, interspersed: false)
        }
        #expect(error?.message == "unknown flag: --nmae\n\ndid you mean --name?")
        #expect(nearest(to: "rnu", among: ["run", "rm", "ps"]) == "run")
        #expect(nearest(to: "frobnicate", among: ["run", "rm", "ps"]) == nil)
    }

    @Test func wordsAreBytes() throws {
        let parsed = try parse("--name=\u{301}x", "-e\u{301}", "--network=a=\u{200d}")
        #expect(parsed.string("name").unicodeScalars.first == "\u{301}")
        #expect(parsed.list("env") == ["\u{301}"])
        #expect(parsed.list("network") == ["a=\u{200d}"])
    }

    @Test func askingForHelpEndsTheReading() throws {
        #expect(try parse("--help", "--nosuch").wantsHelp)
        #expect(try parse("-ih").wantsHelp)
        #expect(try !parse("image", "--help").wantsHelp)
    }
}

@Suite struct GoFlagSyntaxTests {
    private let flags = [
        Flag("bundle", "b", .list("value"), "directory"), Flag("detach", "d", .bool(), "do not wait"),
        Flag("force", nil, .bool(), "hidden", isHidden: true),
    ]

    private func parse(_ words: String...) throws -> ParsedFlags {
        try ParsedFlags(words, flags: flags, interspersed: true, syntax: .goFlag)
    }

    @Test func oneDashIsAsGoodAsTwo() throws {
        let parsed = try parse("-bundle", "x", "--b=y", "-b", "z", "-d", "name", "--force=false", "--", "-d")
        #expect(parsed.list("bundle") == ["x", "y", "z"])
        #expect(parsed.bool("detach") && !parsed.bool("force") && parsed.isSet("force"))
        #expect(parsed.arguments == ["name", "-d"])
    }

    @Test func lettersDoNotStandTogether() {
        #expect(throws: FlagError.unknown(word: "-db", near: nil)) { try parse("-db") }
        #expect(throws: FlagError.missingValue(flag: "--bundle")) { try parse("-b") }
        #expect(
            throws: FlagError.badValue(
                "x", name: "detach", flag: "-d, --detach", reason: #"strconv.ParseBool: parsing "x": invalid syntax"#)
        ) {
            try parse("-d=x")
        }
    }

    @Test func helpShowsEachNameWithItsValue() {
        #expect(
            FlagTable.text(flags, syntax: .goFlag)
                == "   --bundle value, -b value  directory\n   --detach, -d              do not wait\n")
        #expect(
            FlagTable.text(flags + [Flag("sig-proxy", nil, .bool(true), "pass signals on")])
                == "  -b, --bundle value   directory\n  -d, --detach         do not wait\n"
                + "      --sig-proxy      pass signals on (default true)\n")
    }
}
