#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static long answer(long result)
{
    return result < 0 ? -errno : result;
}

_Static_assert(O_PATH == 010000000, "O_PATH");

long linux_fs_sync(int file)
{
    return answer(syncfs(file));
}

long linux_fs_reserve(int file, long size)
{
    return answer(fallocate(file, FALLOC_FL_KEEP_SIZE, 0, size));
}

_Static_assert(FS_TOPDIR_FL == 0x00020000, "FS_TOPDIR_FL");

long linux_fs_spread(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int flags = 0;
    long result = answer(ioctl(directory, FS_IOC_GETFLAGS, &flags));
    if (result >= 0 && !(flags & FS_TOPDIR_FL)) {
        flags |= FS_TOPDIR_FL;
        result = answer(ioctl(directory, FS_IOC_SETFLAGS, &flags));
    }
    close(directory);
    return result;
}

long linux_fs_open_in_root(int root, const char *path, int flags, mode_t mode)
{
    struct open_how how;
    memset(&how, 0, sizeof(how));
    how.flags = (uint64_t)(flags | O_CLOEXEC);
    how.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return answer(syscall(SYS_openat2, root, path, &how, sizeof(how)));
}

long linux_fs_open_entry(int directory, const char *name, int flags)
{
    struct open_how how;
    memset(&how, 0, sizeof(how));
    how.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC);
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return answer(syscall(SYS_openat2, directory, name, &how, sizeof(how)));
}

long linux_fs_read_entries(int directory, void *records, size_t length)
{
    return answer(syscall(SYS_getdents64, directory, records, length));
}

long linux_fs_make_node(int directory, const char *name, mode_t mode, unsigned int major, unsigned int minor)
{
    return answer(mknodat(directory, name, mode, makedev(major, minor)));
}

long linux_fs_set_attribute(int file, const char *name, const void *value, size_t length)
{
    return answer(fsetxattr(file, name, value, length, 0));
}

long linux_fs_set_attribute_at(int directory, const char *name, const char *attribute, const void *value, size_t length)
{
    char path[4096];
    int written = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", directory, name);
    if (written < 0 || (size_t)written >= sizeof(path))
        return -ENAMETOOLONG;
    return answer(lsetxattr(path, attribute, value, length, 0));
}

long linux_fs_list_attributes_at(int directory, const char *name, char *names, size_t length)
{
    char path[4096];
    int written = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", directory, name);
    if (written < 0 || (size_t)written >= sizeof(path))
        return -ENAMETOOLONG;
    return answer(llistxattr(path, names, length));
}

long linux_fs_get_attribute_at(int directory, const char *name, const char *attribute, void *value, size_t length)
{
    char path[4096];
    int written = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", directory, name);
    if (written < 0 || (size_t)written >= sizeof(path))
        return -ENAMETOOLONG;
    return answer(lgetxattr(path, attribute, value, length));
}

long linux_fs_seek_data(int file, int64_t offset)
{
    return answer(lseek(file, offset, SEEK_DATA));
}

long linux_fs_seek_hole(int file, int64_t offset)
{
    return answer(lseek(file, offset, SEEK_HOLE));
}

long linux_fs_get_attribute(int file, const char *name, void *value, size_t length)
{
    return answer(fgetxattr(file, name, value, length));
}

long linux_fs_set_times_at(int directory, const char *name, int64_t seconds, long nanoseconds)
{
    struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    return answer(utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW));
}

long linux_fs_set_times(int file, int64_t seconds, long nanoseconds)
{
    struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    return answer(futimens(file, times));
}

// The numbers of the new mount API, the same on every architecture; older C libraries lack the functions.
enum {
    NUMBER_OPEN_TREE = 428,
    NUMBER_FSOPEN = 430,
    NUMBER_FSCONFIG = 431,
    NUMBER_FSMOUNT = 432,
    CONFIG_SET_FLAG = 0,
    CONFIG_SET_STRING = 1,
    CONFIG_CREATE = 6,
    CONTEXT_CLOSE_ON_EXEC = 1,
    ATTRIBUTE_READ_ONLY = 1,
    TREE_CLONE = 1,
};

long linux_fs_context_open(const char *type)
{
    return answer(syscall(NUMBER_FSOPEN, type, CONTEXT_CLOSE_ON_EXEC));
}

long linux_fs_context_set(int context, const char *key, const char *value)
{
    return answer(syscall(NUMBER_FSCONFIG, context, value ? CONFIG_SET_STRING : CONFIG_SET_FLAG, key, value, 0));
}

long linux_fs_context_create(int context)
{
    return answer(syscall(NUMBER_FSCONFIG, context, CONFIG_CREATE, NULL, NULL, 0));
}

long linux_fs_context_mount(int context, int read_only)
{
    return answer(syscall(NUMBER_FSMOUNT, context, CONTEXT_CLOSE_ON_EXEC, read_only ? ATTRIBUTE_READ_ONLY : 0));
}

long linux_fs_overlay_mount(const char *target, const char *options, int read_only)
{
    return answer(mount("overlay", target, "overlay", read_only ? MS_RDONLY : 0, options));
}

long linux_fs_clone_mount(const char *target)
{
    return answer(syscall(NUMBER_OPEN_TREE, AT_FDCWD, target, TREE_CLONE | O_CLOEXEC));
}

long linux_fs_detach_mount(const char *target)
{
    return answer(umount2(target, MNT_DETACH));
}

long linux_fs_clone(int target, int source)
{
    return answer(ioctl(target, FICLONE, source));
}

long linux_btrfs_create(int directory, const char *name)
{
    struct btrfs_ioctl_vol_args arguments;
    memset(&arguments, 0, sizeof(arguments));
    if (strlen(name) >= sizeof(arguments.name))
        return -ENAMETOOLONG;
    strcpy(arguments.name, name);
    return answer(ioctl(directory, BTRFS_IOC_SUBVOL_CREATE, &arguments));
}

long linux_btrfs_snapshot(int directory, const char *name, int source)
{
    struct btrfs_ioctl_vol_args_v2 arguments;
    memset(&arguments, 0, sizeof(arguments));
    if (strlen(name) >= sizeof(arguments.name))
        return -ENAMETOOLONG;
    strcpy(arguments.name, name);
    arguments.fd = source;
    return answer(ioctl(directory, BTRFS_IOC_SNAP_CREATE_V2, &arguments));
}

long linux_btrfs_destroy(int directory, const char *name)
{
    struct btrfs_ioctl_vol_args arguments;
    memset(&arguments, 0, sizeof(arguments));
    if (strlen(name) >= sizeof(arguments.name))
        return -ENAMETOOLONG;
    strcpy(arguments.name, name);
    return answer(ioctl(directory, BTRFS_IOC_SNAP_DESTROY, &arguments));
}

long linux_fs_type(const char *path)
{
    struct statfs status;
    return statfs(path, &status) < 0 ? -errno : (long)status.f_type;
}
