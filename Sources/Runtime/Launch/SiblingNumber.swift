internal import CLinux
internal import Glibc
internal import Linux

/// Passes the pid of the process that executes the program from the set-up process, which clones it (``ProcessRestrictions``), to
/// the caller of both.
///
/// Stored in a shared page that the cloned process does not have, because other processes in its pid namespace may access its
/// memory.
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

    /// 0 until the process exists.
    var value: Int32 {
        get { page.load(as: Int32.self) }
        set { page.storeBytes(of: newValue, as: Int32.self) }
    }

    /// Excludes the page from later clones of the calling process.
    func keepFromClones() throws(LaunchFailure) {
        try libraryStep("keep a page from clones", madvise(page, Self.length, MADV_DONTFORK))
    }
}
