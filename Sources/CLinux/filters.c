#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char linux_device_program_name[] = "gantry_devices";
_Static_assert(sizeof linux_device_program_name <= BPF_OBJ_NAME_LEN, "the kernel's length of a program's name");

int linux_load_device_program(const uint64_t *instructions, size_t count)
{
    static const char license[] = "Apache-2.0";
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)instructions;
    attributes.insn_cnt = (uint32_t)count;
    attributes.license = (uint64_t)(uintptr_t)license;
    memcpy(attributes.prog_name, linux_device_program_name, sizeof linux_device_program_name);
    int result = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
    return result < 0 ? -errno : result;
}

int linux_attach_device_program(int cgroup, int program)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    return syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

int linux_detach_device_program(int cgroup, int program)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    return syscall(SYS_bpf, BPF_PROG_DETACH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

int linux_own_device_programs(int cgroup, int *programs, int room)
{
    uint32_t identities[64];
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = (uint32_t)cgroup;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = (uint64_t)(uintptr_t)identities;
    attributes.query.prog_cnt = sizeof identities / sizeof *identities;
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) < 0)
        return -errno;
    int count = 0;
    for (uint32_t i = 0; i < attributes.query.prog_cnt && count < room; i++) {
        union bpf_attr by_identity;
        memset(&by_identity, 0, sizeof by_identity);
        by_identity.prog_id = identities[i];
        int program = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &by_identity, sizeof by_identity);
        if (program < 0)
            continue;
        struct bpf_prog_info information;
        memset(&information, 0, sizeof information);
        union bpf_attr question;
        memset(&question, 0, sizeof question);
        question.info.bpf_fd = (uint32_t)program;
        question.info.info_len = sizeof information;
        question.info.info = (uint64_t)(uintptr_t)&information;
        if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &question, sizeof question) == 0 &&
            strncmp(information.name, linux_device_program_name, sizeof information.name) == 0)
            programs[count++] = program;
        else
            close(program);
    }
    return count;
}
