#ifndef GANTRY_CLINUX_PROCESSES_H
#define GANTRY_CLINUX_PROCESSES_H

#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// clone3(2) without a new stack (so it returns twice, like fork) and with CLONE_PIDFD always on. SIGCHLD on exit.
/// With CLONE_PARENT the new process is the caller's sibling. `cgroup` is a cgroup2 directory for CLONE_INTO_CGROUP, or -1. Only for a process with a single thread, or with others that take no locks of the C library's.
pid_t linux_clone(uint64_t flags, int *pidfd, int cgroup);
/// As linux_clone, but the new process has the caller's memory (CLONE_VM, CLONE_VFORK) and a stack of its own, on which it calls
/// `run`, which must not return: the caller sleeps until the new process executes a program or ends. Nothing is copied; what
/// the process leaves in memory is seen by the caller, also what it had half done when it was killed.
pid_t linux_clone_in_memory(int *pidfd, int cgroup, void (*run)(void *), void *context);
/// clone(2) with CLONE_PARENT alone: a copy of the calling process that is its sibling. Returns twice, like fork.
pid_t linux_clone_sibling(void);
/// Overwrites the strings of the environment, which /proc/PID/environ and every copy of the process would show.
void linux_forget_environment(void);
/// pidfd_open(2).
int linux_pidfd_open(pid_t pid);
/// pidfd_send_signal(2).
int linux_pidfd_send_signal(int pidfd, int signal);
/// waitid(2) on a pidfd with WEXITED and WNOHANG: 0 still runs, 1 exited (`value` its code), 2 killed (`value` the signal).
int linux_wait(int pidfd, int *value);
/// As linux_wait, but waits.
int linux_wait_blocking(int pidfd, int *value);
/// setns(2) and unshare(2).
int linux_setns(int descriptor, int flags);
int linux_unshare(int flags);
/// posix_spawn_file_actions_addfchdir_np(3): the new process works in an open directory. 0 or -errno.
int linux_spawn_in(posix_spawn_file_actions_t *actions, int directory);
/// close_range(2) from `first` on.
int linux_close_from(int first);
/// close_range(2) with CLOSE_RANGE_CLOEXEC from `first` on (Linux 5.11).
int linux_close_on_exec_from(int first);
/// prctl(2) PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER, PR_SET_NAME.
int linux_set_dumpable(int on);
int linux_keep_capabilities(int on);
int linux_no_new_privileges(void);
int linux_child_subreaper(void);
int linux_set_name(const char *name);
/// prctl(2) PR_CAPBSET_DROP; -EINVAL for a capability the kernel does not know.
int linux_drop_bounding(int capability);
/// capset(2) of the calling thread, version 3.
int linux_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable);
/// The permitted capabilities of the calling thread (capget(2)).
uint64_t linux_permitted_capabilities(void);
/// The raw getcwd(2): a directory outside the root reads `(unreachable)…`, which the C library hides. 0 or -errno.
int linux_current_directory(char *path, size_t length);
/// prctl(2) PR_CAP_AMBIENT: clear all, raise one.
int linux_clear_ambient(void);
int linux_raise_ambient(int capability);
/// seccomp(2) SECCOMP_SET_MODE_FILTER with `count` instructions of struct sock_filter.
int linux_load_filter(const void *instructions, size_t count, unsigned flags);
/// Every signal back to its default, and an empty mask (kernel's own sigaction, so the C library's signals too).
void linux_reset_signals(void);
/// memfd_create(2), close-on-exec, sealable, never executable where the kernel knows that (6.3).
int linux_memfd(const char *name);
/// The same for a program: executable.
int linux_memfd_program(const char *name);
/// execveat(2) of an open file. Returns only -errno.
int linux_execute(int descriptor, char *const arguments[], char *const environment[]);
/// Seals a memfd against every change.
int linux_seal(int descriptor);
/// The seals of a memfd, or -errno.
int linux_seals(int descriptor);
/// prlimit(2) on the calling process.
int linux_set_limit(int resource, uint64_t soft, uint64_t hard);
int linux_get_limit(int resource, uint64_t *soft, uint64_t *hard);

extern const uint64_t linux_CLONE_NEWNS, linux_CLONE_NEWPID, linux_CLONE_NEWNET, linux_CLONE_NEWIPC,
    linux_CLONE_NEWUTS, linux_CLONE_NEWCGROUP, linux_CLONE_NEWUSER, linux_CLONE_NEWTIME, linux_CLONE_PARENT;
/// Numbers of system calls.
extern const int linux_SYS_capset, linux_SYS_prctl, linux_SYS_clone, linux_SYS_exit_group, linux_SYS_setsid,
    linux_SYS_ioctl, linux_SYS_prlimit64, linux_SYS_sched_setattr, linux_SYS_read, linux_SYS_close, linux_SYS_sendmsg;

#endif
