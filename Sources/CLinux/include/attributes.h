#ifndef GANTRY_CLINUX_ATTRIBUTES_H
#define GANTRY_CLINUX_ATTRIBUTES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What a process can be besides its user and its limits; each of the calling thread, each 0 (or a result) or -errno.

/// sched_setattr(2); times in nanoseconds.
int linux_set_scheduler(
    uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority, uint64_t runtime, uint64_t deadline,
    uint64_t period);
/// ioprio_set(2) of this process: `class` is IOPRIO_CLASS_*, `level` 0 to 7.
int linux_set_io_priority(int class, int level);
/// sched_setaffinity(2) of a process, 0 for the calling one, with a bit mask of `length` bytes.
int linux_set_affinity(pid_t pid, const void *mask, size_t length);
/// personality(2).
int linux_set_personality(unsigned long persona);
/// setgroups(2), setresgid(2) and setresuid(2), as system calls: the C library's reach for other threads.
int linux_set_groups(const uint32_t *groups, size_t count);
int linux_become_group(uint32_t gid);
int linux_become_user(uint32_t uid);
/// keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: its serial number.
int linux_join_session_keyring(const char *name);
/// keyctl(2) KEYCTL_SETPERM.
int linux_set_key_permissions(int key, uint32_t permissions);
/// keyctl(2) KEYCTL_DESCRIBE: writes `type;uid;gid;perm;description`, returns its length.
int linux_describe_key(int key, char *text, size_t length);

#endif
