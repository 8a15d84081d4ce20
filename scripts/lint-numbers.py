"""Finds bare arithmetic and trapping conversions on numbers that come from outside: `+ - * <<` and `Int(x)` end the process
where the result does not fit. What to use instead is in Sources/JSON/BoundedNumbers.swift; a line that cannot go wrong says why
with `// bounded: …` on it or above it.

A number comes from outside when it is a number of the API's documents (Sources/DockerAPI), a JSON value's (`intValue`,
`doubleValue`), an archive's, a descriptor's size or a time's seconds, or a constant that was made of one in the same function.
It looks at lines, not at types: it finds what is written as people write it.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ["DockerAPI", "APIServer", "OCI", "Registry", "Layers", "Images", "Engine", "HTTP", "CommandLine", "gantryd", "Runtime",
           "gantry-runtime", "Cgroups"]
NUMBER = r"(?:U?Int(?:8|16|32|64)?|Double|Float)"
SOURCES = r"\.seconds\b(?!\()|(?<!>)\.size\b(?!\()|\.(?:intValue|doubleValue)\b|\barchive_entry_(?:size|sparse\w*|mtime\w*|rdev\w*)\b"
TRAPPING = re.compile(r"(?<![A-Za-z0-9_.])U?Int(?:8|16|32|64)?\(\s*(?![a-z]\w*\s*:)")

# Lines that cannot go wrong, and why.
KNOWN = {
    "RegistrySession+Push.swift": ["blob.size - position"],  # a blob of ours, and a place in it
    "LayerExtractor.swift": [
        "Int(whole)", "archive_entry_mtime(entry)", "archive_entry_rdev",  # libarchive's 64 bits, checked
    ],
    "CgroupLimits+HostConfig.swift": ["UInt64(host.CpuShares)", "UInt64(host.CpuPeriod)"],  # above 0
}


def fields():
    """The names of the documents' numbers."""
    names = set()
    folder = ROOT + "/Sources/DockerAPI"
    for name in os.listdir(folder):
        if name.endswith(".swift"):
            with open(f"{folder}/{name}") as file:
                names |= set(re.findall(rf"package var `?(\w+)`?: (?:{NUMBER}|\[{NUMBER}\])\??", file.read()))
    # Names that are ours as often as theirs.
    return names - {"time", "timeNano", "Created", "ExitCode", "Pid", "StatusCode", "code", "IPPrefixLen", "Kind"}


def bare(line):
    """The line without strings and comments, so that what stands in words is not looked at."""
    line = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
    return line.split("//", 1)[0]


def main():
    known = re.compile(rf"\.(?:{'|'.join(sorted(fields()))})\b(?!\()|{SOURCES}")
    found = []
    for folder in FOLDERS:
        for path, _, names in os.walk(f"{ROOT}/Sources/{folder}"):
            for name in sorted(names):
                if name.endswith(".swift"):
                    found += look(os.path.join(path, name), known)
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


def look(path, known):
    found, tainted, allowed = [], set(), False
    with open(path) as file:
        lines = file.read().split("\n")
    for number, text in enumerate(lines, 1):
        code = bare(text)
        excused = allowed or "// bounded:" in text
        # An excuse above a statement holds for its first line.
        allowed = "// bounded:" in text and not code.strip()
        if re.match(r"\s*(?:@\w+ )*(?:package |private |fileprivate |internal |static |mutating |override )*(?:func|init|var \w+: [^=]*\{$)",
                    code):
            tainted = set()
        words = rf"|(?<![\w.])(?:{'|'.join(map(re.escape, tainted))})(?![\w:(])" if tainted else ""
        source = re.compile(known.pattern + words)
        for match in source.finditer(code):
            isKnown = any(part in text for part in KNOWN.get(os.path.basename(path), []))
            if not excused and not isKnown and is_risky(code, match):
                found.append(f"{os.path.relpath(path, ROOT)}:{number}: bare arithmetic on a number from outside: {text.strip()}")
                break
        bound = re.search(r"(?:let|var) (\w+)(?:: [\w?]+)? = (.*)", code)
        if bound and source.search(bound.group(2)) and not re.search(r"saturating|clamping|exactly|whole|truncating|\?\s*\.|==|<|>|map|\bmin\(", bound.group(2)):
            tainted.add(bound.group(1))
        elif bound:
            tainted.discard(bound.group(1))
        # A text that was read as a number, which may fail, is a client's or a document's.
        if re.search(r"\b(?:guard|if)\b", code) or code.lstrip().startswith("let "):
            for name in re.findall(r"let (\w+) = U?Int(?:8|16|32|64)?\([^:]*(?:, |$| else| \{)", code):
                if "else" in code or "{" in code or code.rstrip().endswith(","):
                    tainted.add(name)
    return found


def is_risky(code, match):
    """An arithmetic operator beside the number, or a conversion around it alone."""
    # The whole operand: `(a.b?.Memory ?? 0)`.
    start, end = match.span()
    while start > 0 and re.match(r"[\w.?!\])]", code[start - 1]):
        start -= 1
    before, after = code[:start].rstrip(), code[end:].lstrip()
    after = re.sub(r"^\?\? [\w.]+\s*\)?", "", after).lstrip().lstrip(")").lstrip()
    # Floating-point arithmetic has infinities; what traps is the way back to whole numbers.
    if match.group().endswith("doubleValue"):
        return before.endswith("(") and bool(TRAPPING.search(before))
    if re.match(r"(?:\+|-|\*|<<)=? (?!\d+ *\))|(?:\+|-|\*)=", after) or re.match(r"[+\-*] ", after) or after.startswith("<< "):
        return True
    if re.search(r"(?:[\w)\]] (?:\+|-|\*|<<)|(?:\+|-|\*)=) \(?$", before + " "):
        return True
    conversion = TRAPPING.search(before + "(" if not before.endswith("(") else before)
    return bool(conversion and before.endswith("(") and TRAPPING.search(before) and conversion.end() >= len(before))


main()
