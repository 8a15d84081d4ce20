import GoTemplate
import JSON
import Testing

/// The members of `document` in Go.
private enum Types: GoTypes {
    static func isList(_ name: String) -> Bool { name == "Cmd" }
    static func isMap(_ name: String) -> Bool { name == "Volumes" }
    static func isTextMap(_ name: String) -> Bool { name == "Labels" }
    static func documentName(_ name: String) -> String? { name == "ID" ? "Id" : nil }
    static func zero(_ name: String, in object: JSONObject) -> JSON? {
        switch name {
        case "Health": .null
        case "StopSignal": ""
        default: nil
        }
    }
}

private let document: JSON = [
    "Id": "abc", "Created": "now", "Name": "/web",
    "State": ["Running": true, "ExitCode": 3, "Status": "running", "Empty": ""],
    "Config": ["Env": ["A=1", "B=2"], "Labels": ["b": "2", "a": "1"], "Cmd": nil, "Volumes": nil, "Text": "<a> & b"],
    "NetworkSettings": ["Ports": ["80/tcp": [["HostIp": "0.0.0.0", "HostPort": "8080"]], "443/tcp": nil]],
    "Mounts": [],
]

/// Each expectation is what `docker inspect -f` 28.2.2 prints for such a document.
@Suite("Go templates")
struct TemplateTests {
    private static let printsCases: [(String, String)] = [
        ("{{.Name}}", "/web"), ("{{ .State.Running }} {{.State.ExitCode}}", "true 3"), ("{{.Config.Env}}", "[A=1 B=2]"),
        ("{{.Config.Labels}}", "map[a:1 b:2]"), ("{{.Config.Cmd}}|{{.Config.Volumes}}", "[]|map[]"),
        ("{{json .Config.Labels}}", "{\"b\":\"2\",\"a\":\"1\"}"), ("{{json .Config.Text}}", "\"<a> & b\""),
        ("{{json .Config.Cmd}}", "null"), ("{{index .Config.Labels \"a\"}}|{{index .Config.Labels \"zz\"}}|", "1||"),
        ("{{index .Config.Env 1}}", "B=2"),
        ("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080"),
        ("{{range $k, $v := .NetworkSettings.Ports}}{{$k}}={{len $v}} {{end}}", "443/tcp=0 80/tcp=1 "),
        ("{{range .Config.Env}}{{.}},{{end}}", "A=1,B=2,"), ("{{range .Mounts}}x{{else}}none{{end}}", "none"),
        ("{{range $i, $e := .Config.Env}}{{if $i}};{{end}}{{$e}}{{end}}", "A=1;B=2"),
        ("{{range .Config.Env}}{{if eq . \"B=2\"}}{{break}}{{end}}{{.}}{{end}}", "A=1"),
        ("{{if .State.Empty}}a{{else if .State.Running}}b{{else}}c{{end}}", "b"),
        ("{{if and .State.Running (not .State.Empty) (eq .State.ExitCode 3)}}yes{{end}}", "yes"),
        ("{{if or .State.Empty (gt .State.ExitCode 5)}}yes{{else}}no{{end}}", "no"),
        ("{{with .State}}{{.Status}} {{$.Name}}{{end}}", "running /web"),
        ("{{with $x := .State.Status}}{{$x}}{{end}}", "running"), ("{{$x := 1}}{{$x = 2}}{{$x}}", "2"),
        ("a {{- \" b \" -}} c", "a b c"), ("{{/* nothing */}}x", "x"), ("{{join .Config.Env \", \"}}", "A=1, B=2"),
        ("{{.State.Status | upper | printf \"%-10s|\"}}", "RUNNING   |"),
        ("{{title \"ab cd\"}} {{lower \"AB\"}}", "Ab Cd ab"),
        ("{{split \"a,b\" \",\"}} {{len (split \"a,b\" \",\")}}", "[a b] 2"),
        ("{{truncate .Name 3}}|{{pad \"x\" 1 2}}|", "/we| x  |"), ("{{slice .Name 1 3}}", "we"),
        ("{{printf \"%d %05d %q %v %.1f %x\" 7 42 \"a\" true 1.25 255}}", "7 00042 \"a\" true 1.2 ff"),
        ("{{print 1 2 \"a\" \"b\"}}{{println \"x\"}}", "1 2abx\n"),
        (
            "{{eq .State.Status \"exited\" \"running\"}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{ge 1 2}}",
            "true true true true false"
        ),
        ("{{if .State.Health}}h{{else}}n{{end}}", "n"), ("{{`raw`}}{{'a'}}{{\"\\t\"}}", "raw97\t"),
        ("{{.ID}}", "abc"),
        ("{{range .NetworkSettings.Ports}}{{.}};{{end}}", "<no value>;[map[HostIp:0.0.0.0 HostPort:8080]];"),
        ("{{.State.Health}}|{{.Config.StopSignal}}|{{.Config.Labels.zz}}", "<nil>||<no value>"),
        ("{{html \"<a>\"}}", "&lt;a&gt;"),
    ]

    @Test(arguments: printsCases) func prints(_ template: String, _ expected: String) throws {
        #expect(try Template(template).apply(to: Template.Data(root: document, types: Types.self)) == expected)
    }

    private static let malformedCases: [(String, String)] = [
        ("{{.Foo", ":1: unclosed action"), ("{{foo}}", ":1: function \"foo\" not defined"),
        ("{{if .A}}", ":1: unexpected EOF"), ("{{end}}", ":1: unexpected {{end}}"),
        ("{{$x}}", ":1: undefined variable \"$x\""),
        ("{{\"a}}", ":1: unterminated quoted string"),
    ]

    @Test(arguments: malformedCases) func malformed(_ template: String, _ message: String) {
        #expect(throws: TemplateError(message: message, isSyntax: true)) { try Template(template) }
    }

    private static let unknownMembersCases: [(String, String)] = [
        ("{{.Foo}}", ":1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\""),
        ("x\n {{.Volumes}}", ":2:3: executing \"\" at <.Volumes>: map has no entry for key \"Volumes\""),
    ]

    @Test(arguments: unknownMembersCases) func unknownMembers(_ template: String, _ message: String) throws {
        let parsed = try Template(template)
        #expect(throws: TemplateError(message: message, isSyntax: false)) {
            try parsed.apply(to: Template.Data(root: document, types: Types.self))
        }
    }

    @Test func rowsAreStructs() throws {
        let row = Template.Data(
            root: ["Names": "web", "Ports": "80->80"], typeName: "*formatter.ContainerContext", escapesMarkup: true,
            methods: ["Label": { _ in "value" }])
        #expect(
            try Template("{{.Label \"a\"}} {{json .}}").apply(to: row)
                == "value {\"Names\":\"web\",\"Ports\":\"80-\\u003e80\"}")
        let message = ":1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext"
        #expect(throws: TemplateError(message: message, isSyntax: false)) { try Template("{{.Foo}}").apply(to: row) }
    }
}
