import ByteText
import Testing

struct ByteTextTests {
    /// A combining mark, a zero-width joiner, a variation selector and a skin tone join what stands before them.
    static let joining = ["\u{301}", "\u{200D}", "\u{FE0F}", "\u{1F3FD}"]

    @Test(arguments: joining)
    func findsASCIICharactersBeforeWhatJoinsThem(mark: String) {
        let text = "KEY=\(mark)a=b"
        #expect(text.contains(byte: "="))
        #expect(text.cut(at: "=").before == "KEY")
        #expect(text.cut(at: "=").after.map { Array($0.utf8) } == Array("\(mark)a=b".utf8))
        #expect(
            "a/\(mark)b/c".split(byte: "/").map { Array($0.utf8) } == ["a", "\(mark)b", "c"].map { Array($0.utf8) })
        #expect("a/\(mark)".lastIndex(ofByte: "/") == "a".endIndex)
        #expect("sha256:\(mark)".hasBytePrefix("sha256:"))
        #expect("sha256:\(mark)".dropping(prefix: "sha256:").map { Array($0.utf8) } == Array(mark.utf8))
        #expect("x://\(mark)".contains(bytes: "://"))
    }

    @Test func splitsAsTheStandardLibraryDoesWithASCII() {
        for text in ["", "=", "==", "a", "a=", "=a", "a=b", "a=b=c", "a==c"] {
            for most in [0, 1, 2, .max] {
                for isOmitting in [true, false] {
                    #expect(
                        text.split(byte: "=", maxSplits: most, omittingEmptySubsequences: isOmitting)
                            == text.split(separator: "=", maxSplits: most, omittingEmptySubsequences: isOmitting),
                        "\(text) \(most) \(isOmitting)")
                }
            }
        }
    }

    @Test func cutsNothingWithoutTheCharacter() {
        #expect("abc".cut(at: "=").before == "abc")
        #expect("abc".cut(at: "=").after == nil)
        #expect("abc=".cut(at: "=").after == "")
    }

    @Test func readsLinesAsGoDoes() {
        #expect("a\r\nb\n\nc\rd\u{2028}e\u{85}f\u{B}g".lines == ["a", "b", "", "c\rd\u{2028}e\u{85}f\u{B}g"])
        #expect("a\n".lines == ["a"])
        #expect("".lines == [])
        #expect("\n".lines == [""])
        #expect("a\r".lines == ["a"])
        #expect("a\r\r\n".lines.map { Array($0.utf8) } == [[0x61, 0x0D]])
    }

    @Test func comparesEndsByBytes() {
        // The same text to Swift, another one to everybody else.
        #expect(!"e\u{301}x".hasBytePrefix("\u{E9}"))
        #expect("ab".hasByteSuffix("b") && "b".hasByteSuffix("b") && !"b".hasByteSuffix("ab") && "b".hasByteSuffix(""))
        #expect("\u{301}.crt".hasByteSuffix(".crt"))
        #expect("abc".contains(bytes: "") && "".contains(bytes: "") && !"abc".contains(bytes: "abcd"))
    }

    @Test func dropsNoMoreThanThereIs() {
        #expect("ab".dropFirst(bytes: 3) == "" && "ab".dropFirst(bytes: 1) == "b")
        #expect("ab".dropLast(bytes: 3) == "" && "ab".dropLast(bytes: 1) == "a")
        #expect(":\u{301}".dropFirst(bytes: 1) == "\u{301}")
    }

    @Test func trimsScalarsOfWhiteSpace() {
        #expect("\u{85}\t a b\r\n\u{A0}".trimmingSpace == "a b")
        #expect(Array(" \u{301}".trimmingSpace.utf8) == Array("\u{301}".utf8))
        #expect("".trimmingSpace == "")
    }
}
