/// 64 random hexadecimal digits. The first twelve are never all decimal, so that a short one is not taken for a number.
func makeIdentifier() -> String {
    while true {
        var text = ""
        text.reserveCapacity(64)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<4 {
            let word = String(generator.next() as UInt64, radix: 16)
            text += String(repeating: "0", count: 16 - word.count) + word
        }
        if text.utf8.prefix(12).contains(where: { $0 > UInt8(ascii: "9") }) { return text }
    }
}
