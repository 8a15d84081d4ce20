#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

static int answer(long result)
{
    return result < 0 ? -errno : (int)result;
}

int linux_set_scheduler(
    uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority, uint64_t runtime, uint64_t deadline,
    uint64_t period)
{
    // struct sched_attr, version 0 (Linux 3.14): glibc has it only from 2.41 on.
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {48, policy, flags, nice, priority, runtime, deadline, period};
    _Static_assert(sizeof attributes == 48, "struct sched_attr");
    return answer(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

int linux_set_io_priority(int class, int level)
{
    return answer(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(class, level)));
}

int linux_set_affinity(pid_t pid, const void *mask, size_t length)
{
    return answer(syscall(SYS_sched_setaffinity, pid, length, mask));
}

int linux_set_personality(unsigned long persona)
{
    return answer(syscall(SYS_personality, persona));
}

int linux_set_groups(const uint32_t *groups, size_t count)
{
    return answer(syscall(SYS_setgroups, count, groups));
}

int linux_become_group(uint32_t gid)
{
    return answer(syscall(SYS_setresgid, gid, gid, gid));
}

int linux_become_user(uint32_t uid)
{
    return answer(syscall(SYS_setresuid, uid, uid, uid));
}

int linux_join_session_keyring(const char *name)
{
    return answer(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name));
}

int linux_set_key_permissions(int key, uint32_t permissions)
{
    return answer(syscall(SYS_keyctl, KEYCTL_SETPERM, key, permissions));
}

int linux_describe_key(int key, char *text, size_t length)
{
    return answer(syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, length));
}
