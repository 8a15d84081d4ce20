#ifndef GANTRY_CLINUX_MOUNTS_H
#define GANTRY_CLINUX_MOUNTS_H

#include <stddef.h>
#include <stdint.h>

// The mount API by descriptor (Linux 5.2 to 5.12) and openat2(2) (5.6). Every descriptor is close-on-exec.

/// open_tree(2): a reference to a place, or with OPEN_TREE_CLONE a detached copy of the mount there.
int linux_open_tree(int directory, const char *path, unsigned flags);
/// move_mount(2). Empty paths need the MOVE_MOUNT_*_EMPTY_PATH flags.
int linux_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
/// fsopen(2): a context for a file system of the named type.
int linux_fsopen(const char *type);
/// fsconfig(2) FSCONFIG_SET_STRING.
int linux_fsconfig_string(int context, const char *key, const char *value);
/// fsconfig(2) FSCONFIG_SET_FLAG.
int linux_fsconfig_flag(int context, const char *key);
/// fsconfig(2) FSCONFIG_SET_FD.
int linux_fsconfig_descriptor(int context, const char *key, int descriptor);
/// fsconfig(2) FSCONFIG_CMD_CREATE.
int linux_fsconfig_create(int context);
/// fsconfig(2) FSCONFIG_CMD_RECONFIGURE.
int linux_fsconfig_reconfigure(int context);
/// fspick(2): a context for the file system mounted at an open place.
int linux_fspick(int place);
/// fsmount(2): the file system of a created context as a detached mount with MOUNT_ATTR_* attributes.
int linux_fsmount(int context, uint64_t attributes);
/// The kernel's messages in a context's log: one read(2), as text of at most `length` bytes. 0 when there is none.
int linux_fs_message(int context, char *text, size_t length);
/// mount_setattr(2), Linux 5.12; `propagation` is MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE or 0.
int linux_mount_setattr(
    int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation);
/// mount_setattr(2) with MOUNT_ATTR_IDMAP and the user namespace to map by.
int linux_mount_idmap(int mount, unsigned flags, int user_namespace);
/// pivot_root(2).
int linux_pivot_root(const char *new_root, const char *put_old);
/// umount2(2).
int linux_umount(const char *target, int flags);
/// openat2(2) with O_CLOEXEC added to `flags`.
int linux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
/// renameat2(2) RENAME_EXCHANGE of two names in one directory.
int linux_exchange(int directory, const char *first, const char *second);
/// The f_type of the file system a descriptor is on (fstatfs(2)), or -errno.
int64_t linux_filesystem_magic(int descriptor);
/// Whether a path is the root of a mount (statx(2) STATX_ATTR_MOUNT_ROOT, Linux 5.8): 1, 0 or -errno.
int linux_is_mount_root(int directory, const char *path);
/// The unique identity of the mount a descriptor is on (statx(2) STATX_MNT_ID), or -errno.
int64_t linux_mount_identity(int descriptor);

extern const uint64_t linux_MOUNT_ATTR_RDONLY, linux_MOUNT_ATTR_NOSUID, linux_MOUNT_ATTR_NODEV,
    linux_MOUNT_ATTR_NOEXEC, linux_MOUNT_ATTR_NOATIME, linux_MOUNT_ATTR_STRICTATIME, linux_MOUNT_ATTR_NODIRATIME,
    linux_MOUNT_ATTR__ATIME, linux_MOUNT_ATTR_NOSYMFOLLOW;
extern const uint64_t linux_RESOLVE_IN_ROOT, linux_RESOLVE_BENEATH, linux_RESOLVE_NO_SYMLINKS,
    linux_RESOLVE_NO_MAGICLINKS, linux_RESOLVE_NO_XDEV;
extern const unsigned linux_OPEN_TREE_CLONE, linux_AT_RECURSIVE, linux_AT_EMPTY_PATH, linux_MOVE_MOUNT_F_EMPTY_PATH,
    linux_MOVE_MOUNT_T_EMPTY_PATH;
extern const uint64_t linux_MS_PRIVATE, linux_MS_SLAVE, linux_MS_SHARED, linux_MS_UNBINDABLE;
/// O_PATH of open(2).
extern const int linux_O_PATH;
extern const int64_t linux_PROC_SUPER_MAGIC, linux_SYSFS_MAGIC, linux_DEVPTS_SUPER_MAGIC, linux_CGROUP2_SUPER_MAGIC,
    linux_CGROUP_SUPER_MAGIC;

#endif
