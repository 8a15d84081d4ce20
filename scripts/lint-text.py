"""Finds text that is taken apart by graphemes, where Docker, Go and the kernel look at bytes: `"=\\u{301}"` and `"\\r\\n"` are one
`Character` each, so the standard library's `split(separator: "=")`, `hasPrefix`, `isNewline` and kin miss them. What to use instead
is in Sources/ByteText; a line that is right says why with `// text: …` on it or above it.

It looks at lines, not at types: it finds what is written as people write it.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHARACTER = r'"(?:\\(?:[^u(]|u\{[0-9A-Fa-f]+\})|[^"\\])"'
PATTERNS = {
    rf"\.split\(\s*separator: {CHARACTER}": "split(byte:)",
    rf"\b(?:first|last)Index\(of: {CHARACTER}\)": "firstIndex(ofByte:) or lastIndex(ofByte:)",
    r"\bhas(?:Prefix|Suffix)\(": "hasBytePrefix, hasByteSuffix or dropping(prefix:)",
    r'\.contains\("(?:\\[^u(]|[^"\\A-Za-z0-9_])"\)': "contains(byte:)",
    r'\.contains\("://"\)': "contains(bytes:)",
    rf"\bprefix (?:\(while: )?\{{ \$0 != {CHARACTER} \}}": "prefix(untilByte:)",
    r"(?<!properties)(?:\.|\\\.)is(?:Newline|Whitespace|WholeNumber|Number|Letter|Uppercase|Lowercase)\b": "the scalars' properties, or ASCII",
    r"\bisHexDigit\b": "UInt8.isASCIIHexDigit",
    r"\bcomponents\(separatedBy:|\btrimmingCharacters\(": "split(byte:), words or trimmingSpace",
    r"(?:^|[^.\w])(?!bytes|scalars)(?:text|name|word|line|path|rest|option)\.index\(after:": "utf8.index(after:)",
}


def main():
    found = []
    for path, _, names in os.walk(f"{ROOT}/Sources"):
        for name in sorted(names):
            if name.endswith(".swift") and os.path.basename(path) != "ByteText":
                found += look(os.path.join(path, name))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


def look(path):
    found, allowed = [], False
    with open(path) as file:
        lines = file.read().split("\n")
    for number, text in enumerate(lines, 1):
        code = text.split(" // ", 1)[0]
        isExcused = allowed or "// text:" in text
        allowed = "// text:" in text and not code.split("//", 1)[0].strip()
        if isExcused or code.strip().startswith("//"):
            continue
        for pattern, instead in PATTERNS.items():
            if re.search(pattern, code):
                found.append(f"{os.path.relpath(path, ROOT)}:{number}: by graphemes; use {instead}: {text.strip()}")
                break
    return found


main()
