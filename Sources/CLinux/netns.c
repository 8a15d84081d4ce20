#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    int namespace;
    int route_socket;
};

static void set_inside(const char *path, const char *value) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    ssize_t ignored = write(file, value, strlen(value));
    (void)ignored;
    close(file);
}

// In the calling thread: a new namespace. A socket of it, or -errno.
static int make_here(void) {
    if (unshare(CLONE_NEWNET) < 0) return -errno;
    int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return handle < 0 ? -errno : handle;
}

// ioctl_ns(2): by its name in /proc it would cost ten times as much.
static int namespace_of(int handle) {
    int namespace = ioctl(handle, SIOCGSKNS);
    return namespace < 0 ? -errno : namespace;
}

static int loopback_up_of(int handle) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    return ioctl(handle, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int linux_loopback_up(void) {
    int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle < 0) return -errno;
    int result = loopback_up_of(handle);
    close(handle);
    return result;
}

static void *make_with_socket(void *argument) {
    struct request *request = argument;
    int handle = make_here();
    int failed = handle < 0 ? handle : loopback_up_of(handle);
    request->namespace = failed ? failed : namespace_of(handle);
    if (handle >= 0) close(handle);
    if (request->namespace < 0) return NULL;
    // No link-local addresses on links that are given IPv4 only; absent when the kernel has no IPv6.
    set_inside("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    request->route_socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (request->route_socket >= 0) return NULL;
    failed = errno;
    close(request->namespace);
    request->namespace = -failed;
    return NULL;
}

int linux_make_network_namespace(int *route_socket) {
    struct request request = {-1, -1};
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, make_with_socket, &request);
    if (failed) return -failed;
    pthread_join(thread, NULL);
    if (request.namespace >= 0) *route_socket = request.route_socket;
    return request.namespace;
}

int linux_join_network_namespace(int descriptor) {
    return setns(descriptor, CLONE_NEWNET) < 0 ? -errno : 0;
}
