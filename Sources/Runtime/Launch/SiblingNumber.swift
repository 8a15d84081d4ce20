internal import CLinux
internal import Glibc
internal import Linux

/// The number of the process that a container sees, on its way from the process that clones it as its last step
/// (``ProcessRestrictions``) to the caller of both.
///
/// It is in a page that the cloned process does not have: others in its process namespace may reach whatever it has.
final class SiblingNumber {
    private static let length = 4096
    private let page: UnsafeMutableRawPointer

    init() throws(LaunchFailure) {
        let page = mmap(nil, Self.length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        guard let page, page != MAP_FAILED else {
            throw LaunchFailure("share a page: \(SystemError("", code: errno).reason)")
        }
        self.page = page
    }

    deinit { munmap(page, Self.length) }

    /// 0 until there is such a process.
    var value: Int32 {
        get { page.load(as: Int32.self) }
        set { page.storeBytes(of: newValue, as: Int32.self) }
    }

    /// Later clones of the calling process are without the page.
    func keepFromClones() throws(LaunchFailure) {
        try libraryStep("keep a page from clones", madvise(page, Self.length, MADV_DONTFORK))
    }
}
