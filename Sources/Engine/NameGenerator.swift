/// Names for containers that were given none: an adjective and a person whom computing owes something.
enum NameGenerator {
    private static let adjectives = [
        "able", "bold", "brave", "bright", "brisk", "calm", "candid", "clever", "crisp", "curious", "dapper", "daring",
        "deft", "eager", "early", "earnest", "fair", "fancy", "fleet", "frank", "free", "fresh", "gentle", "glad",
        "golden", "grand", "happy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively", "loyal", "lucid",
        "lucky", "mellow", "merry", "mighty", "modest", "neat", "nimble", "noble", "patient", "plain", "polite",
        "proud",
        "quick", "quiet", "rapid", "ready", "robust", "sharp", "silent", "sober", "solid", "sound", "spry", "steady",
        "stoic", "sturdy", "sunny", "swift", "tidy", "trusty", "upbeat", "vivid", "warm", "wise", "witty", "zesty",
    ]
    private static let people = [
        "allen", "backus", "bartik", "boole", "borg", "cerf", "clarke", "cray", "dijkstra", "engelbart", "estrin",
        "euler", "feinler", "floyd", "gauss", "goldberg", "gray", "hamilton", "hamming", "hopper", "huffman", "iverson",
        "jennings", "kahn", "karp", "keller", "kernighan", "kleene", "knuth", "lamport", "lampson", "leibniz",
        "liskov", "lovelace", "mccarthy", "mcilroy", "merkle", "milner", "minsky", "moore", "naur", "noether", "pascal",
        "perlman", "postel", "rabin", "ritchie", "rivest", "shamir", "shannon", "sinclair", "sutherland", "tarjan",
        "thompson", "torvalds", "turing", "ullman", "vonneumann", "wilkes", "wirth", "yao", "zuse",
    ]

    /// A name that `isFree`; after a few tries one with a number behind it.
    static func name(isFree: (String) -> Bool) -> String {
        for attempt in 0... {
            let base = "\(adjectives.randomElement() ?? "plain")_\(people.randomElement() ?? "turing")"
            let name = attempt < 6 ? base : base + String(Int.random(in: 0..<(10 * attempt)))
            if isFree(name) { return name }
        }
        return ""
    }
}
