internal import CLinux

/// malloc_trim(3), which Swift's Glibc module leaves out: free heap pages go back to the kernel.
func malloc_trim(_ keep: Int) {
    linux_malloc_trim(keep)
}
