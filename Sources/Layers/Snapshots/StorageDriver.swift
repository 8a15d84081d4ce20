internal import Glibc
internal import Linux

/// The values of `storage-driver`.
package enum StorageDriverName: String, CaseIterable, Sendable {
    /// Kernel overlayfs: files are copied when they are first written.
    case overlay2
    /// Full copies: for nested containers and file systems that overlayfs refuses.
    case vfs
    /// Btrfs snapshots of subvolumes.
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

/// Makes a container's root file system from layer directories, which are listed bottom first.
protocol StorageDriver: Sendable {
    /// Whether the writable directory holds only differences or the whole tree.
    var form: TreeChanges.Upper { get }
    /// The name of the writable directory.
    var written: String { get }
    /// The subdirectories that this driver keeps for a container.
    var parts: [String] { get }

    /// Creates the writable directory. May be run again.
    func prepare(_ directory: String, _ layers: [String]) throws(LayerError)
    /// A detached mount of the root.
    func mount(_ directory: String, _ layers: [String], volatile: Bool) throws(LayerError) -> Descriptor
    /// The root for reading; a running container may keep writing to it.
    func view(_ directory: String, _ layers: [String]) throws(LayerError) -> Descriptor
    /// Removes a container's directory, or at most `count` of its entries; false when more are left.
    func discard(_ directory: String, atMost count: Int) throws(SystemError) -> Bool
    /// Directories of unfinished work by an earlier process, to be discarded.
    func unfinished() -> [String]
}

extension StorageDriver {
    func discard(_ directory: String, atMost count: Int) throws(SystemError) -> Bool {
        try DirectoryTree.remove(directory, atMost: count)
    }

    func unfinished() -> [String] { [] }
}
