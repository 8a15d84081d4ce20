internal import ByteText
internal import Glibc
internal import JSON

/// fmt.Sprintf of Go, for the verbs that templates use.
enum Printf {
    static func format(_ format: String, _ arguments: [JSON?]) -> String {
        var result = ""
        var rest = Array(format)[...]
        var next = 0
        while let character = rest.popFirst() {
            guard character == "%" else {
                result.append(character)
                continue
            }
            var flags = ""
            while let flag = rest.first, "-+# 0".contains(flag) {
                flags.append(flag)
                rest.removeFirst()
            }
            func number() -> Int? {
                if rest.first == "*" {
                    rest.removeFirst()
                    defer { next += 1 }
                    return next < arguments.count ? arguments[next]?.intValue.map(Int.init) : nil
                }
                var digits = ""
                while let digit = rest.first, ("0"..."9").contains(digit) {
                    digits.append(digit)
                    rest.removeFirst()
                }
                return Int(digits)
            }
            let width = number()
            var precision: Int?
            if rest.first == "." {
                rest.removeFirst()
                precision = number() ?? 0
            }
            guard let verb = rest.popFirst() else {
                result += "%!(NOVERB)"
                break
            }
            if verb == "%" {
                result += "%"
                continue
            }
            guard next < arguments.count else {
                result += "%!\(verb)(MISSING)"
                continue
            }
            var text = convert(arguments[next], verb, flags, precision)
            next += 1
            let missing = min(width ?? 0, 1 << 16).saturatingSubtract(text.count)
            if missing > 0 {
                if flags.contains(byte: "-") {
                    text += String(repeating: " ", count: missing)
                } else if flags.contains("0"), "dxXfgeb".contains(verb) {
                    let sign = text.hasBytePrefix("-") || text.hasBytePrefix("+") ? String(text.removeFirst()) : ""
                    text = sign + String(repeating: "0", count: missing) + text
                } else {
                    text = String(repeating: " ", count: missing) + text
                }
            }
            result += text
        }
        if next < arguments.count {
            let extra = arguments[next...].map { "\(TemplateValue.typeName($0))=\(TemplateValue.text($0))" }
            result += "%!(EXTRA \(extra.joined(separator: ", ")))"
        }
        return result
    }

    private static func convert(_ value: JSON?, _ verb: Character, _ flags: String, _ precision: Int?) -> String {
        func wrong() -> String { "%!\(verb)(\(TemplateValue.typeName(value))=\(TemplateValue.text(value)))" }
        let plus = flags.contains(byte: "+") ? "+" : ""
        switch (verb, value) {
        case ("v", .number(let literal)?): return literal.hasBytePrefix("-") ? literal : plus + literal
        case ("v", _): return TemplateValue.text(value)
        case ("s", .string(let text)?): return precision.map { String(text.prefix(max(0, $0))) } ?? text
        case ("s", .array?), ("s", .object?): return TemplateValue.text(value)
        case ("q", .string(let text)?): return quoted(text)
        case ("q", .array(let elements)?):
            return "[" + elements.map { convert($0, "q", flags, precision) }.joined(separator: " ") + "]"
        case ("d", .number(let literal)?):
            guard let whole = Int64(literal) else { return wrong() }
            return whole < 0 ? literal : plus + literal
        case ("t", .bool(let value)?): return value ? "true" : "false"
        case ("x", .number(let literal)?), ("X", .number(let literal)?), ("b", .number(let literal)?),
            ("o", .number(let literal)?):
            guard let whole = Int64(literal) else { return wrong() }
            let radix = verb == "b" ? 2 : verb == "o" ? 8 : 16
            return String(whole, radix: radix, uppercase: verb == "X")
        case ("x", .string(let text)?), ("X", .string(let text)?):
            return text.utf8.map { byte in
                let digits = String(byte, radix: 16, uppercase: verb == "X")
                return digits.count < 2 ? "0" + digits : digits
            }.joined()
        case ("c", .number(let literal)?):
            return UInt32(literal).flatMap { Unicode.Scalar($0) }.map { String($0) } ?? wrong()
        case ("f", .number(let literal)?), ("e", .number(let literal)?), ("g", .number(let literal)?):
            guard let number = Double(literal) else { return wrong() }
            return plus + fraction(number, verb, precision)
        case ("T", _): return TemplateValue.typeName(value)
        default: return wrong()
        }
    }

    private static func fraction(_ value: Double, _ verb: Character, _ precision: Int?) -> String {
        if verb == "g", precision == nil { return "\(value)" }
        var buffer = [CChar](repeating: 0, count: 512)
        withVaList([Int32(clamping: precision ?? 6), value]) {
            _ = vsnprintf(&buffer, buffer.count, verb == "f" ? "%.*f" : verb == "e" ? "%.*e" : "%.*g", $0)
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
