/* The floor of `gantry-runtime run`: the same namespaces, mounts, masks and cgroups as the example bundle of `gantry-runtime spec`,
 * pivot_root and exec, with everything known when it was compiled. No configuration is read, nothing is checked against a
 * hostile root, no state is kept: a container runtime cannot be faster than about this.
 *
 * usage: floor ROOTFS NAME PROGRAM [ARGUMENT...]       (as root; cgroup v1 or hybrid)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(call) ((call) < 0 ? (perror(#call), _exit(125), 0) : 0)

/* A v1 hierarchy: its folder's name under /sys/fs/cgroup, and our cgroup in it. */
static struct { const char *name; char path[400]; int directory; } hierarchies[32];
static int count;

static void write_text(int directory, const char *name, const char *text) {
    int file = openat(directory, name, O_WRONLY | O_CLOEXEC);
    MUST(file);
    MUST(write(file, text, strlen(text)));
    close(file);
}

static void find_cgroups(const char *name) {
    char line[1024];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && fgets(line, sizeof line, file) && count < 32) {
        char place[200];
        if (!strstr(line, " - cgroup ") || sscanf(line, "%*s %*s %*s %*s %199s", place) != 1) continue;
        hierarchies[count].name = strdup(strrchr(place, '/') + 1);
        snprintf(hierarchies[count].path, sizeof hierarchies[count].path, "%s/%s", place, name);
        count++;
    }
    if (file) fclose(file);
}

static void copy_parent(int directory, const char *parent, const char *name) {
    char value[256] = "";
    int from = openat(directory, parent, O_RDONLY | O_CLOEXEC);
    MUST(from);
    MUST(read(from, value, sizeof value - 1));
    close(from);
    write_text(directory, name, value);
}

static void make_cgroups(void) {
    static const char *const rules[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                                        "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"};
    for (int i = 0; i < count; i++) {
        MUST(mkdir(hierarchies[i].path, 0755));
        int directory = hierarchies[i].directory = open(hierarchies[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        MUST(directory);
        if (!strcmp(hierarchies[i].name, "cpuset")) {
            copy_parent(directory, "../cpuset.cpus", "cpuset.cpus");
            copy_parent(directory, "../cpuset.mems", "cpuset.mems");
        }
        if (strcmp(hierarchies[i].name, "devices")) continue;
        write_text(directory, "devices.deny", "a");
        for (size_t rule = 0; rule < sizeof rules / sizeof *rules; rule++)
            write_text(directory, "devices.allow", rules[rule]);
    }
}

static void join_cgroups(void) {
    for (int i = 0; i < count; i++) write_text(hierarchies[i].directory, "tasks", "0");
}

static void make_devices(void) {
    static const struct { const char *name; int major, minor; } nodes[] = {
        {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
        {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"/proc/kcore", "dev/core"}, {"pts/ptmx", "dev/ptmx"}};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        MUST(mknod(nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) MUST(symlink(links[i][0], links[i][1]));
}

static void make_mounts(void) {
    const unsigned long confined = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    MUST(mount("proc", "proc", "proc", 0, NULL));
    MUST(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
    make_devices();
    MUST(mkdir("dev/pts", 0755));
    MUST(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"));
    MUST(mkdir("dev/shm", 0755));
    MUST(mount("shm", "dev/shm", "tmpfs", confined, "mode=1777,size=65536k"));
    MUST(mkdir("dev/mqueue", 0755));
    MUST(mount("mqueue", "dev/mqueue", "mqueue", confined, NULL));
    MUST(mount("sysfs", "sys", "sysfs", confined | MS_RDONLY, NULL));
    MUST(mount("tmpfs", "sys/fs/cgroup", "tmpfs", confined, "mode=755"));
    for (int i = 0; i < count; i++) {
        char place[256];
        snprintf(place, sizeof place, "sys/fs/cgroup/%s", hierarchies[i].name);
        MUST(mkdir(place, 0755));
        MUST(mount(hierarchies[i].path, place, NULL, MS_BIND, NULL));
        MUST(mount(NULL, place, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | confined, NULL));
    }
    MUST(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_RDONLY | confined, NULL));
}

static void hide(void) {
    static const char *const masked[] = {"proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats",
        "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"};
    static const char *const protected[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    for (size_t i = 0; i < sizeof protected / sizeof *protected; i++) {
        if (mount(protected[i], protected[i], NULL, MS_BIND | MS_REC, NULL) < 0) continue;
        MUST(mount(NULL, protected[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    }
    for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
        struct stat status;
        if (stat(masked[i], &status) < 0) continue;
        if (S_ISDIR(status.st_mode)) MUST(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0k"));
        else MUST(mount("/dev/null", masked[i], NULL, MS_BIND, NULL));
    }
}

static void raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int socket_handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    MUST(socket_handle);
    MUST(ioctl(socket_handle, SIOCSIFFLAGS, &request));
    close(socket_handle);
}

static void become(char **arguments) {
    /* CAP_AUDIT_WRITE, CAP_KILL, CAP_NET_BIND_SERVICE */
    const uint32_t kept = 1u << 29 | 1u << 5 | 1u << 10;
    for (int i = 0; i < 41; i++)
        if (!(i < 32 && kept & 1u << i)) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    struct { uint32_t version; int pid; } header = {0x20080522, 0};
    struct { uint32_t effective, permitted, inheritable; } data[2] = {{kept, kept, 0}, {0, 0, 0}};
    MUST(syscall(SYS_capset, &header, data));
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    char *environment[] = {"PATH=/bin", NULL};
    execve(arguments[0], arguments, environment);
    perror(arguments[0]);
    _exit(127);
}

int main(int words, char **arguments) {
    if (words < 4) return fprintf(stderr, "usage: floor ROOTFS NAME PROGRAM [ARGUMENT...]\n"), 2;
    find_cgroups(arguments[2]);
    make_cgroups();
    int pidfd = -1;
    struct clone_args clone = {0};
    clone.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_PIDFD;
    clone.pidfd = (uintptr_t)&pidfd;
    clone.exit_signal = SIGCHLD;
    pid_t pid = (pid_t)syscall(SYS_clone3, &clone, sizeof clone);
    MUST(pid);
    if (pid == 0) {
        setsid();
        join_cgroups();
        MUST(unshare(CLONE_NEWCGROUP));
        MUST(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
        MUST(mount(arguments[1], arguments[1], NULL, MS_BIND | MS_REC, NULL));
        MUST(chdir(arguments[1]));
        make_mounts();
        MUST(sethostname("gantry", 6));
        raise_loopback();
        hide();
        MUST(syscall(SYS_pivot_root, ".", "."));
        MUST(umount2(".", MNT_DETACH));
        MUST(chdir("/"));
        become(arguments + 3);
    }
    siginfo_t end;
    MUST(waitid(P_PIDFD, pidfd, &end, WEXITED));
    for (int i = 0; i < count; i++) MUST(rmdir(hierarchies[i].path));
    return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}
