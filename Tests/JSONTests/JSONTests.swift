// swift-format-ignore-file: AlwaysUseLowerCamelCase
import JSON
import Testing

@Suite struct JSONTests {
    @Test(arguments: ["-9223372036854775809", "9223372036854775808", "9007199254740993.0", "1e300", "-1e18", "1.5"])
    func refusesIntegersThatWouldBeRounded(_ literal: String) {
        struct Size: Decodable { var size: Int64 }
        #expect(throws: (any Error).self) {
            try JSONDecoding.decode(Size.self, from: Array(#"{"size":\#(literal)}"#.utf8))
        }
    }

    @Test func keepsOrderAndNumbers() throws {
        let text = #"{"z":1,"a":[1.50,-0,1e9,true,false,null],"m":{"k":"v"}}"#
        #expect(try JSON.parse(text).text() == text)
    }

    @Test func writesWholeNumbers() {
        let numbers: [JSON] = [
            JSON(0), JSON(-7), JSON(1_000), JSON(Int.min), JSON(Int.max), JSON(Int32.min), JSON(UInt64.max),
            JSON(UInt8(9)),
        ]
        #expect(
            JSON.array(numbers).text()
                == "[0,-7,1000,-9223372036854775808,9223372036854775807,-2147483648,18446744073709551615,9]")
    }

    @Test func escapesLikeGo() throws {
        let value = JSON.string("<a & \"b\">\n\t\u{1}\u{2028}é")
        #expect(value.text() == #""\u003ca \u0026 \"b\"\u003e\n\t\u0001\u2028é""#)
        #expect(try JSON.parse(value.text()) == value)
    }

    @Test func readsSurrogates() throws {
        #expect(try JSON.parse(#""\ud83d\ude00""#) == .string("😀"))
        #expect(try JSON.parse(#""\ud83dx""#) == .string("\u{FFFD}x"))
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":}", "01", "1.", "tru", "\"\u{1}\"", "[1] 2", "{a:1}", "\"\\x\"", "-", "nul", "[",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test func refusesDeepNesting() {
        #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "[", count: 100_000)) }
    }

    @Test func indents() {
        let value: JSON = ["a": [], "b": ["c": 1], "d": [:]]
        #expect(value.text(indent: "  ") == "{\n  \"a\": [],\n  \"b\": {\n    \"c\": 1\n  },\n  \"d\": {}\n}")
    }

    struct Person: Codable, Equatable {
        var Name: String
        var Age: Int?
        var Labels: [String: String]?
        var Big: UInt64
        var Extra: JSON?
    }

    @Test func codesInDeclarationOrder() throws {
        let person = Person(Name: "x", Age: nil, Labels: ["b": "2", "a": "1"], Big: .max, Extra: ["q": 1.5])
        let text = #"{"Name":"x","Labels":{"a":"1","b":"2"},"Big":18446744073709551615,"Extra":{"q":1.5}}"#
        #expect(String(decoding: try JSONEncoding.encode(person), as: UTF8.self) == text)
        #expect(try JSONDecoding.decode(Person.self, from: Array(text.utf8)) == person)
    }

    @Test func matchesNamesLikeGo() throws {
        let person = try JSONDecoding.decode(
            Person.self, from: Array(#"{"name":"y","BIG":7.0,"unknown":{},"age":null}"#.utf8))
        #expect(person == Person(Name: "y", Age: nil, Labels: nil, Big: 7, Extra: nil))
    }

    @Test func saysWhereATypeIsWrong() {
        #expect(throws: JSONError("Name must be a string, not the number 1")) {
            try JSONDecoding.decode(Person.self, from: Array(#"{"Name":1,"Big":1}"#.utf8))
        }
    }
}

@Suite struct ZeroValueTests {
    struct Inner: Codable, Equatable { var A: String }

    struct Outer: Codable, Equatable, WritesNull {
        var Text: String
        var Count: Int
        var Flag: Bool
        var List: [String]
        var Map: [String: Int]
        var In: Inner
        var Maybe: [String]?
        var Left: Int?
        static let omitted: Set<String> = ["Left"]
    }

    @Test func missingMembersAreZero() throws {
        let zero = Outer(Text: "", Count: 0, Flag: false, List: [], Map: [:], In: Inner(A: ""), Maybe: nil, Left: nil)
        #expect(try JSONDecoding.decode(Outer.self, from: Array("{}".utf8)) == zero)
        #expect(try JSONDecoding.decode(Outer.self, from: Array(#"{"Text":null,"In":null,"Map":null}"#.utf8)) == zero)
    }

    @Test func nullIsWrittenWhereGoWritesIt() throws {
        let zero = try JSONDecoding.decode(Outer.self, from: Array("{}".utf8))
        let text = #"{"Text":"","Count":0,"Flag":false,"List":[],"Map":{},"In":{"A":""},"Maybe":null}"#
        #expect(String(decoding: try JSONEncoding.encode(zero), as: UTF8.self) == text)
    }
}
