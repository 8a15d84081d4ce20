internal import CLinux
internal import Glibc
internal import Linux

/// The `vfs` driver: copies every layer for every container. Works on any file system, but costs time and disk space.
struct Copies: StorageDriver {
    let form = TreeChanges.Upper.whole
    let written = "root"
    let parts = ["root"]

    func prepare(_ directory: String, _ layers: [String]) throws(LayerError) {
        let root = directory + "/root"
        do throws(SystemError) {
            try DirectoryTree.remove(root)
            try retrying("mkdir", root) { mkdir(root, 0o755) }
        } catch {
            throw .system(error)
        }
        for layer in layers { try LayerCopy.apply(layer, onto: root) }
    }

    func mount(_ directory: String, _ layers: [String], volatile: Bool) throws(LayerError) -> Descriptor {
        do throws(SystemError) {
            let root = directory + "/root"
            return Descriptor(owning: Int32(try checking("open_tree", root) { linux_fs_clone_mount(root) }))
        } catch {
            throw .system(error)
        }
    }

    func view(_ directory: String, _ layers: [String]) throws(LayerError) -> Descriptor {
        do throws(SystemError) {
            return try Descriptor.open(directory + "/root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        } catch {
            throw .system(error)
        }
    }
}
