#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

/// The first instructions of gantry-runtime (its `--entry`): unless its file is on a read-only mount of its own, it is executed again
/// from one, which no container can write to (CVE-2019-5736, docs/decisions/014). Here and not in main(): before the C library
/// is set up, which in a virtual machine takes longer than the execution itself. So nothing of that library may be called.
/// What fails here is found out by the commands that enter containers (Runtime/OwnProgram.swift).

static long call(long number, long first, long second, long third, long fourth, long fifth)
{
#if defined(__x86_64__)
    long result = number;
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    register long x3 __asm__("x3") = fourth;
    register long x4 __asm__("x4") = fifth;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#else
#error "the entry is written for x86-64 and arm64"
#endif
}

/// `stack` is the kernel's: the number of arguments, the arguments, NULL, the environment.
__attribute__((used, no_builtin, no_stack_protector)) static void linux_leave_writable_file(long *stack)
{
    char **arguments = (char **)(stack + 1), **environment = arguments + stack[0] + 1;
    const char *file = "/proc/self/exe";
    struct statx about;
    struct statfs mounted;
    if (call(SYS_statx, AT_FDCWD, (long)file, 0, 0, (long)&about) < 0)
        return;
    if (about.stx_attributes & STATX_ATTR_MOUNT_ROOT && call(SYS_statfs, (long)file, (long)&mounted, 0, 0, 0) == 0 &&
        mounted.f_flags & ST_RDONLY) {
        // Kernels before 6.14 have named it after the descriptor.
        const char *name = arguments[0] ? arguments[0] : "";
        for (const char *at = name; *at; at++)
            if (at[0] == '/' && at[1])
                name = at + 1;
        call(SYS_prctl, PR_SET_NAME, (long)name, 0, 0, 0);
        return;
    }
    long mount = call(SYS_open_tree, AT_FDCWD, (long)file, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    if (mount < 0)
        return;
    struct mount_attr attributes;
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    attributes.attr_clr = attributes.propagation = attributes.userns_fd = 0;
    // Closed by the execution: what is left of the mount then is in nobody's reach, also not in that of mount_setattr(2).
    if (call(SYS_mount_setattr, mount, (long)"", AT_EMPTY_PATH, (long)&attributes, sizeof attributes) == 0)
        call(SYS_execveat, mount, (long)"", (long)arguments, (long)environment, AT_EMPTY_PATH);
    call(SYS_close, mount, 0, 0, 0, 0);
}

#if defined(__x86_64__)
__asm__(
    ".globl linux_entry\n"
    ".type linux_entry, @function\n"
    "linux_entry:\n\t"
    "xorl %ebp, %ebp\n\t"
    "movq %rdx, %r12\n\t"
    "movq %rsp, %r13\n\t"
    "movq %rsp, %rdi\n\t"
    "andq $-16, %rsp\n\t"
    "call linux_leave_writable_file\n\t"
    "movq %r13, %rsp\n\t"
    "movq %r12, %rdx\n\t"
    "jmp _start\n");
#elif defined(__aarch64__)
__asm__(
    ".globl linux_entry\n"
    ".type linux_entry, @function\n"
    "linux_entry:\n\t"
    "mov x29, xzr\n\t"
    "mov x19, x0\n\t"
    "mov x20, sp\n\t"
    "mov x0, sp\n\t"
    "bl linux_leave_writable_file\n\t"
    "mov sp, x20\n\t"
    "mov x0, x19\n\t"
    "b _start\n");
#endif
