internal import Glibc
internal import Linux

/// The ways to make one root out of layers, by the names of `storage-driver`.
package enum StorageDriverName: String, CaseIterable, Sendable {
    /// The kernel's overlay: nothing is copied until it is written.
    case overlay2
    /// Copies: for engines inside containers and for file systems that overlay refuses.
    case vfs
    /// Snapshots of subvolumes.
    case btrfs

    /// Docker's spelling, or nil.
    package init?(_ text: String) {
        if text == "overlay" || text.isEmpty {
            self = .overlay2
        } else if let name = Self(rawValue: text) {
            self = name
        } else {
            return nil
        }
    }

    func open(beside containers: String) throws(LayerError) -> any StorageDriver {
        switch self {
        case .overlay2: Overlay()
        case .vfs: Copies()
        case .btrfs: try Subvolumes(beside: containers)
        }
    }
}

/// How a container's root is made of layers. Directories of layers come bottom first.
protocol StorageDriver: Sendable {
    /// What the directory that containers write to holds.
    var form: TreeChanges.Upper { get }
    /// The name of that directory.
    var written: String { get }
    /// What a container's directory has of this driver.
    var parts: [String] { get }

    /// Makes room for what a container writes. May be run again.
    func prepare(_ directory: String, _ layers: [String]) throws(LayerError)
    /// A detached mount of the root.
    func mount(_ directory: String, _ layers: [String], volatile: Bool) throws(LayerError) -> Descriptor
    /// The root for reading; a running container may go on writing.
    func view(_ directory: String, _ layers: [String]) throws(LayerError) -> Descriptor
    /// Removes a directory with parts in it, or at most `count` of its entries; false when there are more.
    func discard(_ directory: String, atMost count: Int) throws(SystemError) -> Bool
    /// What an earlier process was making, out of the way: directories to discard.
    func unfinished() -> [String]
}

extension StorageDriver {
    func discard(_ directory: String, atMost count: Int) throws(SystemError) -> Bool {
        try DirectoryTree.remove(directory, atMost: count)
    }

    func unfinished() -> [String] { [] }
}
