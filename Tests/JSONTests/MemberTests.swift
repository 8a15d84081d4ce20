// swift-format-ignore-file: AlwaysUseLowerCamelCase
import JSON
import Testing

/// Members that two readers of one document could read differently, and numbers that do not fit.
@Suite struct MemberTests {
    struct Wish: Codable, Equatable {
        var HostConfig: [String: String]?
        var Kernel: Int?
        var Status: Int?
        var Labels: [String: String]?
    }

    /// Go takes the last of two members that differ in case: who authorises a request must not be shown the other one.
    @Test(arguments: [
        #"{"HostConfig":{},"hostConfig":{"Privileged":"1"}}"#, #"{"hostconfig":null,"HOSTCONFIG":{}}"#,
        #"{"Status":1,"Statu\u017f":2}"#, #"{"kernel":1,"\u212aernel":2}"#,
        #"{"labels":{},"Labels":{}}"#,
    ])
    func refusesTwoMembersThatMeanTheSame(_ text: String) throws {
        let error = #expect(throws: JSONError.self) { try JSONDecoding.decode(Wish.self, from: Array(text.utf8)) }
        #expect(error?.description.contains("both mean") == true, "\(String(describing: error))")
        let object = try #require(try JSON.parse(text).objectValue)
        #expect(throws: JSONError.self) {
            try object.refuseClashes(among: ["HostConfig", "Kernel", "Status", "Labels"])
        }
    }

    @Test func readsOneMemberInWhateverCase() throws {
        let text = #"{"hostconfig":{"a":"1","A":"2"},"\u212aERNEL":7,"other":1,"Other":2}"#
        let wish = try JSONDecoding.decode(Wish.self, from: Array(text.utf8))
        #expect(wish == Wish(HostConfig: ["a": "1", "A": "2"], Kernel: 7))
    }

    @Test(arguments: [
        #"{"a":1,"a":1}"#, #"{"x":[{"b":{},"c":1,"b":2}]}"#, #"{"a":1,"\u0061":2}"#, #"{"K":1,"\u212a":2}"#,
    ])
    func refusesDuplicatesWhereAsked(_ text: String) throws {
        #expect(throws: JSONError.self) { try JSON.parse(text, refusesDuplicates: true) }
        // Documents of others are read as Go reads them: the last one counts.
        #expect(throws: Never.self) { try JSON.parse(text) }
    }

    @Test(arguments: ["1e400", "18446744073709551616", "1.5", "-1e400", "9223372036854775808"])
    func refusesNumbersThatDoNotFit(_ number: String) {
        for name in ["Kernel", "Status"] {
            let error = #expect(throws: JSONError.self) {
                try JSONDecoding.decode(Wish.self, from: Array(#"{"\#(name)":\#(number)}"#.utf8))
            }
            #expect(error?.description.contains("whole number") == true)
        }
    }

    /// In a process of its own: a trap would end the tests with it.
    @Test func survivesExtremeNumbers() async {
        await #expect(processExitsWith: .success) {
            for number in ["1e400", "18446744073709551616", "1.5", "-1e400", "9223372036854775808.5"] {
                let bytes = Array(#"{"Kernel":\#(number),"Status":\#(number)}"#.utf8)
                #expect(throws: JSONError.self) { try JSONDecoding.decode(Wish.self, from: bytes) }
            }
        }
    }
}
