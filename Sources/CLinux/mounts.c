#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// <sys/mount.h> and <linux/mount.h> exclude each other in glibc 2.36; umount2 and the MS_ numbers come from here.
extern int umount2(const char *target, int flags);
#define MS_UNBINDABLE_ (1 << 17)
#define MS_PRIVATE_ (1 << 18)
#define MS_SLAVE_ (1 << 19)
#define MS_SHARED_ (1 << 20)

_Static_assert(sizeof(struct mount_attr) == 32, "mount_attr is MOUNT_ATTR_SIZE_VER0");
_Static_assert(sizeof(struct open_how) == 24, "open_how is OPEN_HOW_SIZE_VER0");

static int answer(long result)
{
    return result < 0 ? -errno : (int)result;
}

int linux_open_tree(int directory, const char *path, unsigned flags)
{
    return answer(syscall(SYS_open_tree, directory, path, flags | OPEN_TREE_CLOEXEC));
}

int linux_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
    return answer(syscall(SYS_move_mount, from, from_path, to, to_path, flags));
}

int linux_fsopen(const char *type)
{
    return answer(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

int linux_fsconfig_string(int context, const char *key, const char *value)
{
    return answer(syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0));
}

int linux_fsconfig_flag(int context, const char *key)
{
    return answer(syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key, NULL, 0));
}

int linux_fsconfig_descriptor(int context, const char *key, int descriptor)
{
    return answer(syscall(SYS_fsconfig, context, FSCONFIG_SET_FD, key, NULL, descriptor));
}

int linux_fsconfig_create(int context)
{
    return answer(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

int linux_fsconfig_reconfigure(int context)
{
    return answer(syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
}

int linux_fspick(int place)
{
    return answer(syscall(SYS_fspick, place, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
}

int linux_fsmount(int context, uint64_t attributes)
{
    return answer(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, (unsigned)attributes));
}

int linux_fs_message(int context, char *text, size_t length)
{
    ssize_t count = read(context, text, length - 1);
    if (count < 0)
        count = 0;
    text[count] = 0;
    return (int)count;
}

int linux_mount_setattr(
    int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation)
{
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    return answer(syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof attributes));
}

int linux_mount_idmap(int mount, unsigned flags, int user_namespace)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_namespace};
    return answer(syscall(SYS_mount_setattr, mount, "", flags | AT_EMPTY_PATH, &attributes, sizeof attributes));
}

int linux_pivot_root(const char *new_root, const char *put_old)
{
    return answer(syscall(SYS_pivot_root, new_root, put_old));
}

int linux_umount(const char *target, int flags)
{
    return answer(umount2(target, flags));
}

int linux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    long result;
    // EAGAIN: a rename raced with RESOLVE_IN_ROOT or RESOLVE_BENEATH; the caller loses nothing by another try.
    for (int attempt = 0; attempt < 128; attempt++) {
        result = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (result >= 0 || errno != EAGAIN)
            break;
    }
    return answer(result);
}

int linux_exchange(int directory, const char *first, const char *second)
{
    return answer(syscall(SYS_renameat2, directory, first, directory, second, 2 /* RENAME_EXCHANGE */));
}

int64_t linux_filesystem_magic(int descriptor)
{
    struct statfs information;
    if (fstatfs(descriptor, &information) < 0)
        return -errno;
    return (int64_t)(uint32_t)information.f_type;
}

int linux_is_mount_root(int directory, const char *path)
{
    struct statx information;
    if (statx(directory, path, AT_EMPTY_PATH, 0, &information) < 0)
        return -errno;
    return (information.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int64_t linux_mount_identity(int descriptor)
{
    struct statx information;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_MNT_ID, &information) < 0)
        return -errno;
    return (int64_t)information.stx_mnt_id;
}

const uint64_t linux_MOUNT_ATTR_RDONLY = MOUNT_ATTR_RDONLY, linux_MOUNT_ATTR_NOSUID = MOUNT_ATTR_NOSUID,
               linux_MOUNT_ATTR_NODEV = MOUNT_ATTR_NODEV, linux_MOUNT_ATTR_NOEXEC = MOUNT_ATTR_NOEXEC,
               linux_MOUNT_ATTR_NOATIME = MOUNT_ATTR_NOATIME, linux_MOUNT_ATTR_STRICTATIME = MOUNT_ATTR_STRICTATIME,
               linux_MOUNT_ATTR_NODIRATIME = MOUNT_ATTR_NODIRATIME, linux_MOUNT_ATTR__ATIME = MOUNT_ATTR__ATIME,
               linux_MOUNT_ATTR_NOSYMFOLLOW = MOUNT_ATTR_NOSYMFOLLOW;
const uint64_t linux_RESOLVE_IN_ROOT = RESOLVE_IN_ROOT, linux_RESOLVE_BENEATH = RESOLVE_BENEATH,
               linux_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS, linux_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS,
               linux_RESOLVE_NO_XDEV = RESOLVE_NO_XDEV;
const unsigned linux_OPEN_TREE_CLONE = OPEN_TREE_CLONE, linux_AT_RECURSIVE = AT_RECURSIVE,
               linux_AT_EMPTY_PATH = AT_EMPTY_PATH, linux_MOVE_MOUNT_F_EMPTY_PATH = MOVE_MOUNT_F_EMPTY_PATH,
               linux_MOVE_MOUNT_T_EMPTY_PATH = MOVE_MOUNT_T_EMPTY_PATH;
const uint64_t linux_MS_PRIVATE = MS_PRIVATE_, linux_MS_SLAVE = MS_SLAVE_, linux_MS_SHARED = MS_SHARED_,
               linux_MS_UNBINDABLE = MS_UNBINDABLE_;
const int linux_O_PATH = O_PATH;
const int64_t linux_PROC_SUPER_MAGIC = PROC_SUPER_MAGIC, linux_SYSFS_MAGIC = SYSFS_MAGIC,
              linux_DEVPTS_SUPER_MAGIC = DEVPTS_SUPER_MAGIC, linux_CGROUP2_SUPER_MAGIC = CGROUP2_SUPER_MAGIC,
              linux_CGROUP_SUPER_MAGIC = CGROUP_SUPER_MAGIC;
