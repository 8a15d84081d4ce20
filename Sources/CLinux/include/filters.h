#ifndef GANTRY_CLINUX_FILTERS_H
#define GANTRY_CLINUX_FILTERS_H

#include <stddef.h>
#include <stdint.h>

/// bpf(2) BPF_PROG_LOAD of type BPF_PROG_TYPE_CGROUP_DEVICE; `instructions` are 8-byte struct bpf_insn.
int linux_load_device_program(const uint64_t *instructions, size_t count);
/// bpf(2) BPF_PROG_ATTACH of a device program to a cgroup2 directory, beside others (BPF_F_ALLOW_MULTI).
int linux_attach_device_program(int cgroup, int program);
/// bpf(2) BPF_PROG_DETACH of a device program.
int linux_detach_device_program(int cgroup, int program);
/// The programs of linux_load_device_program that are attached to a cgroup2 directory, close-on-exec, the caller's to
/// close; their number, or -errno (bpf(2) BPF_PROG_QUERY, BPF_OBJ_GET_INFO_BY_FD).
int linux_own_device_programs(int cgroup, int *programs, int room);

#endif
