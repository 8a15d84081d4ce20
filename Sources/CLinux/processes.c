#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 16U
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int answer(long result)
{
    return result < 0 ? -errno : (int)result;
}

static struct clone_args clone_arguments(uint64_t flags, int *pidfd, int cgroup)
{
    struct clone_args arguments = {
        .flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd,
        // A sibling ends with its parent's signal; naming one is refused.
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD};
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup;
    }
    return arguments;
}

pid_t linux_clone(uint64_t flags, int *pidfd, int cgroup)
{
    struct clone_args arguments = clone_arguments(flags, pidfd, cgroup);
    return answer(syscall(SYS_clone3, &arguments, sizeof arguments));
}

pid_t linux_clone_sibling(void)
{
    // clone(2), which filters can look into: many answer clone3 with ENOSYS. A stack of 0 is the caller's, copied.
    return answer(syscall(SYS_clone, (unsigned long)CLONE_PARENT, 0, 0, 0, 0));
}

void linux_forget_environment(void)
{
    for (char **entry = environ; entry && *entry; entry++)
        explicit_bzero(*entry, strlen(*entry));
}

/// clone3(2) with a new stack, on which the new process calls `run`: not even a frame of the caller's is shared. 0 or more, or -errno.
static long clone_to(struct clone_args *arguments, void (*run)(void *), void *context)
{
#if defined(__x86_64__)
    long result = SYS_clone3;
    __asm__ volatile(
        "syscall\n\t"
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xorl %%ebp, %%ebp\n\t"
        "movq %[context], %%rdi\n\t"
        "callq *%[run]\n\t"
        "ud2\n"
        "1:"
        : "+a"(result)
        : "D"(arguments), "S"(sizeof *arguments), [run] "r"(run), [context] "r"(context)
        : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_clone3;
    register long result __asm__("x0") = (long)arguments;
    register long size __asm__("x1") = sizeof *arguments;
    __asm__ volatile(
        "svc #0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x29, xzr\n\t"
        "mov x0, %[context]\n\t"
        "blr %[run]\n\t"
        "brk #1\n"
        "1:"
        : "+r"(result)
        : "r"(number), "r"(size), [run] "r"(run), [context] "r"(context)
        : "memory", "cc");
    return result;
#else
#error "clone3 with a stack is written for x86-64 and arm64"
#endif
}

pid_t linux_clone_in_memory(int *pidfd, int cgroup, void (*run)(void *), void *context)
{
    const size_t size = 1 << 20, guard = (size_t)sysconf(_SC_PAGESIZE);
    char *stack = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
    long result = mprotect(stack + guard, size - guard, PROT_READ | PROT_WRITE) < 0 ? -errno : 0;
    if (result == 0) {
        struct clone_args arguments = clone_arguments(CLONE_VM | CLONE_VFORK, pidfd, cgroup);
        arguments.stack = (uint64_t)(uintptr_t)stack;
        arguments.stack_size = size;
        result = clone_to(&arguments, run, context);
    }
    munmap(stack, size);
    return (pid_t)result;
}

int linux_pidfd_open(pid_t pid)
{
    return answer(syscall(SYS_pidfd_open, pid, 0));
}

int linux_pidfd_send_signal(int pidfd, int signal)
{
    return answer(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

static int wait_for(int pidfd, int *value, int options)
{
    siginfo_t information;
    memset(&information, 0, sizeof information);
    int result;
    do
        result = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &information, WEXITED | options);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return -errno;
    if (information.si_pid == 0)
        return 0;
    *value = information.si_status;
    return information.si_code == CLD_EXITED ? 1 : 2;
}

int linux_wait(int pidfd, int *value)
{
    return wait_for(pidfd, value, WNOHANG);
}

int linux_wait_blocking(int pidfd, int *value)
{
    return wait_for(pidfd, value, 0);
}

int linux_setns(int descriptor, int flags)
{
    return answer(syscall(SYS_setns, descriptor, flags));
}

int linux_unshare(int flags)
{
    return answer(syscall(SYS_unshare, flags));
}

int linux_spawn_in(posix_spawn_file_actions_t *actions, int directory)
{
    return -posix_spawn_file_actions_addfchdir_np(actions, directory);
}

int linux_close_from(int first)
{
    return answer(syscall(SYS_close_range, first, ~0U, 0));
}

int linux_close_on_exec_from(int first)
{
    return answer(syscall(SYS_close_range, first, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */));
}

int linux_set_dumpable(int on)
{
    return answer(prctl(PR_SET_DUMPABLE, on, 0, 0, 0));
}

int linux_keep_capabilities(int on)
{
    return answer(prctl(PR_SET_KEEPCAPS, on, 0, 0, 0));
}

int linux_no_new_privileges(void)
{
    return answer(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

int linux_child_subreaper(void)
{
    return answer(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

int linux_set_name(const char *name)
{
    return answer(prctl(PR_SET_NAME, name, 0, 0, 0));
}

int linux_drop_bounding(int capability)
{
    return answer(prctl(PR_CAPBSET_DROP, capability, 0, 0, 0));
}

int linux_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(effective >> (32 * i));
        data[i].permitted = (uint32_t)(permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
    }
    return answer(syscall(SYS_capset, &header, data));
}

uint64_t linux_permitted_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

int linux_current_directory(char *path, size_t length)
{
    long result = syscall(SYS_getcwd, path, length);
    return result < 0 ? -errno : 0;
}

int linux_clear_ambient(void)
{
    return answer(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

int linux_raise_ambient(int capability)
{
    return answer(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0));
}

int linux_load_filter(const void *instructions, size_t count, unsigned flags)
{
    if (count > 0xffff)
        return -E2BIG;
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)instructions};
    return answer(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

void linux_reset_signals(void)
{
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } action = {0};
    for (int number = 1; number <= 64; number++)
        syscall(SYS_rt_sigaction, number, &action, NULL, 8);
    uint64_t empty = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &empty, NULL, 8);
}

int linux_memfd(const char *name)
{
    int result = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (result < 0 && errno == EINVAL)
        result = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return answer(result);
}

int linux_memfd_program(const char *name)
{
    int result = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (result < 0 && errno == EINVAL)
        result = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return answer(result);
}

int linux_execute(int descriptor, char *const arguments[], char *const environment[])
{
    return answer(syscall(SYS_execveat, descriptor, "", arguments, environment, AT_EMPTY_PATH));
}

int linux_seal(int descriptor)
{
    return answer(fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
}

int linux_seals(int descriptor)
{
    return answer(fcntl(descriptor, F_GET_SEALS));
}

int linux_get_limit(int resource, uint64_t *soft, uint64_t *hard)
{
    struct rlimit64 limit = {0, 0};
    int result = answer(prlimit64(0, (enum __rlimit_resource)resource, NULL, &limit));
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return result;
}

int linux_set_limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit64 limit = {.rlim_cur = soft, .rlim_max = hard};
    return answer(prlimit64(0, (enum __rlimit_resource)resource, &limit, NULL));
}

const uint64_t linux_CLONE_NEWNS = CLONE_NEWNS, linux_CLONE_NEWPID = CLONE_NEWPID, linux_CLONE_NEWNET = CLONE_NEWNET,
               linux_CLONE_NEWIPC = CLONE_NEWIPC, linux_CLONE_NEWUTS = CLONE_NEWUTS,
               linux_CLONE_NEWCGROUP = CLONE_NEWCGROUP, linux_CLONE_NEWUSER = CLONE_NEWUSER,
               linux_CLONE_NEWTIME = CLONE_NEWTIME, linux_CLONE_PARENT = CLONE_PARENT;

const int linux_SYS_capset = SYS_capset, linux_SYS_prctl = SYS_prctl, linux_SYS_clone = SYS_clone,
          linux_SYS_exit_group = SYS_exit_group, linux_SYS_setsid = SYS_setsid, linux_SYS_ioctl = SYS_ioctl,
          linux_SYS_prlimit64 = SYS_prlimit64, linux_SYS_sched_setattr = SYS_sched_setattr, linux_SYS_read = SYS_read,
          linux_SYS_close = SYS_close, linux_SYS_sendmsg = SYS_sendmsg;
