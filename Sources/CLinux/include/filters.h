#ifndef GANTRY_CLINUX_FILTERS_H
#define GANTRY_CLINUX_FILTERS_H

#include <stddef.h>
#include <stdint.h>

/// bpf(2) BPF_PROG_LOAD of type BPF_PROG_TYPE_CGROUP_DEVICE; `instructions` are 8-byte struct bpf_insn.
int linux_load_device_program(const uint64_t *instructions, size_t count);
/// bpf(2) BPF_PROG_ATTACH of a device program to a cgroup2 directory, beside others (BPF_F_ALLOW_MULTI).
int linux_attach_device_program(int cgroup, int program);

#endif
