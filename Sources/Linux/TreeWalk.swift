internal import Glibc

/// A walk through a tree that others made: depth first, names by their bytes, for whoever removes, counts, compares, packs or
/// copies it.
///
/// However deep and wide the tree is, the walk does not recurse, holds a bounded number of descriptors (``DirectoryChain``) and of
/// names (``SortedNames``): where they are too many, those of the directories above are read again on the way back, from the
/// name on that was walked. Per level it needs some 100 bytes and the level's own name.
package struct TreeWalk: ~Copyable {
    private var chain: DirectoryChain
    /// For each level what has not been seen of it yet.
    private var names: [SortedNames]
    private let onlyDirectories: Bool
    /// Levels above this one have given their names back.
    private var firstHeld = 0
    private var held = 0
    private let namesLimit: Int

    /// - Parameters:
    ///   - descriptors: how many directories are open at once beside the first.
    ///   - namesLimit: bytes of names in memory.
    ///   - onlyDirectories: pass over all else, where the file system tells (as the kernel's own do).
    package init(
        _ root: consuming Descriptor, descriptors: Int = 32, namesLimit: Int = 16 << 20, onlyDirectories: Bool = false
    ) {
        names = [SortedNames(onlyDirectories: onlyDirectories)]
        self.onlyDirectories = onlyDirectories
        chain = DirectoryChain(root, limit: descriptors)
        self.namesLimit = namesLimit
    }

    /// The directory that is being read, valid until the next ``enter(_:)`` or ``leave()``.
    package var directory: Int32 { chain.raw }

    /// How many levels it lies below the first.
    package var depth: Int { chain.depth }

    /// From the first directory on, with a slash at the end; empty for the first itself.
    package var path: [UInt8] { chain.path }

    /// The next name in the directory, for C; nil when there is no more.
    package mutating func next() throws(SystemError) -> [CChar]? {
        let top = names.count - 1
        while true {
            let before = names[top].size
            if let name = names[top].next() {
                held -= before - names[top].size
                return name
            }
            if names[top].isComplete { return nil }
            // A quarter, so that the directories above keep theirs in most trees.
            try names[top].read(chain.raw, limit: namesLimit / 4)
            held += names[top].size
            firstHeld = min(firstHeld, top)
            while held > namesLimit, firstHeld < top {
                let size = names[firstHeld].size
                if size > 0 {
                    held -= size
                    names[firstHeld].forget(after: [])
                    forgotten.append(firstHeld)
                }
                firstHeld += 1
            }
        }
    }

    /// Levels whose names were given back, and are read again.
    private var forgotten: [Int] = []

    /// Goes on with what is in `name`, which ``next()`` returned last.
    package mutating func enter(_ name: [CChar]) throws(SystemError) {
        try chain.enter(name)
        names.append(SortedNames(onlyDirectories: onlyDirectories))
    }

    /// Goes back to the directory above, which goes on behind the name that is returned.
    @discardableResult
    package mutating func leave() throws(SystemError) -> [CChar] {
        held -= names.removeLast().size
        let name = try chain.leave()
        let top = names.count - 1
        if forgotten.last == top {
            forgotten.removeLast()
            names[top] = SortedNames(after: name, onlyDirectories: onlyDirectories)
        }
        return name
    }
}
