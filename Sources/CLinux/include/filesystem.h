#ifndef GANTRY_CLINUX_FILESYSTEM_H
#define GANTRY_CLINUX_FILESYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// O_PATH, the same on every architecture; fcntl.h hides it from Swift.
static const int linux_fs_path_only = 010000000;

/// syncfs(2).
long linux_fs_sync(int file);

/// Sets FS_TOPDIR_FL (chattr +T): ext4 puts each directory in `path` into a part of the disk of its own. Others refuse.
long linux_fs_spread(const char *path);

/// fallocate(2) with FALLOC_FL_KEEP_SIZE, from the start of the file.
long linux_fs_reserve(int file, long size);

// Files and overlay mounts by descriptor. Each returns its result, or -errno.

/// openat2(2), Linux 5.6, with O_CLOEXEC; `path` never leaves `root` (RESOLVE_IN_ROOT) and no magic link is followed.
long linux_fs_open_in_root(int root, const char *path, int flags, mode_t mode);

/// openat2(2), Linux 5.6, with O_CLOEXEC: the entry `name` of `directory`, or its parent as `..`; no link is followed (-ELOOP),
/// and no other mount is entered (-EXDEV).
long linux_fs_open_entry(int directory, const char *name, int flags);

/// getdents64(2): whole records of struct linux_dirent64, as many as fit; 0 at the end. lseek(2) to 0 begins anew.
long linux_fs_read_entries(int directory, void *records, size_t length);

/// mknodat(2) with a device number in two parts.
long linux_fs_make_node(int directory, const char *name, mode_t mode, unsigned int major, unsigned int minor);

/// fsetxattr(2).
long linux_fs_set_attribute(int file, const char *name, const void *value, size_t length);

/// lsetxattr(2) on the entry `name` of `directory`, not followed.
long linux_fs_set_attribute_at(int directory, const char *name, const char *attribute, const void *value, size_t length);

/// llistxattr(2) on the entry `name` of `directory`: the names, each with its NUL.
long linux_fs_list_attributes_at(int directory, const char *name, char *names, size_t length);

/// lgetxattr(2) on the entry `name` of `directory`, not followed.
long linux_fs_get_attribute_at(int directory, const char *name, const char *attribute, void *value, size_t length);

/// lseek(2) to the next data (-ENXIO when there is none), or the next hole.
long linux_fs_seek_data(int file, int64_t offset);
long linux_fs_seek_hole(int file, int64_t offset);

/// fgetxattr(2).
long linux_fs_get_attribute(int file, const char *name, void *value, size_t length);

/// utimensat(2) without following links: modification time, and the same for access.
long linux_fs_set_times_at(int directory, const char *name, int64_t seconds, long nanoseconds);

/// futimens(3).
long linux_fs_set_times(int file, int64_t seconds, long nanoseconds);

/// fsopen(2) with FSOPEN_CLOEXEC.
long linux_fs_context_open(const char *type);

/// fsconfig(2) with FSCONFIG_SET_STRING, or FSCONFIG_SET_FLAG when `value` is NULL.
long linux_fs_context_set(int context, const char *key, const char *value);

/// fsconfig(2) with FSCONFIG_CMD_CREATE.
long linux_fs_context_create(int context);

/// fsmount(2) with FSMOUNT_CLOEXEC: a detached mount. `read_only` sets MOUNT_ATTR_RDONLY.
long linux_fs_context_mount(int context, int read_only);

/// mount(2) of an overlay with an option string, for kernels before 6.7.
long linux_fs_overlay_mount(const char *target, const char *options, int read_only);

/// open_tree(2) with OPEN_TREE_CLONE and OPEN_TREE_CLOEXEC.
long linux_fs_clone_mount(const char *target);

/// umount2(2) with MNT_DETACH.
long linux_fs_detach_mount(const char *target);

/// ioctl(2) FICLONE: `target` shares the blocks of `source`.
long linux_fs_clone(int target, int source);

/// ioctl(2) BTRFS_IOC_SUBVOL_CREATE, BTRFS_IOC_SNAP_CREATE_V2 and BTRFS_IOC_SNAP_DESTROY for the entry `name` of `directory`.
long linux_btrfs_create(int directory, const char *name);
long linux_btrfs_snapshot(int directory, const char *name, int source);
long linux_btrfs_destroy(int directory, const char *name);

/// statfs(2): the magic number of the file system (linux/magic.h).
long linux_fs_type(const char *path);

#endif
