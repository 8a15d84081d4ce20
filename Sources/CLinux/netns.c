#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NETLINK_ROUTE_PROTOCOL 0

// linux/netlink.h and net/if.h may not meet in one file, so this one declares what it exports itself.
int linux_make_network_namespace(int *route_socket);
int linux_start_network_namespace(pthread_t *thread, int *result, const void *processors, size_t length);
int linux_join_network_namespace(int descriptor);
int linux_loopback_up(void);

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

static int prepare(struct request *request) {
    if (unshare(CLONE_NEWNET) < 0) return -errno;
    request->route_socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE_PROTOCOL);
    if (request->route_socket < 0) return -errno;
    // Any socket takes the SIOC*IF* calls.
    struct ifreq loopback;
    memset(&loopback, 0, sizeof loopback);
    memcpy(loopback.ifr_name, "lo", 3);
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(request->route_socket, SIOCSIFFLAGS, &loopback) < 0) return -errno;
    // No link-local addresses on links that are given IPv4 only; absent when the kernel has no IPv6.
    set_inside("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    request->namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return request->namespace < 0 ? -errno : 0;
}

static void *run(void *argument) {
    struct request *request = argument;
    int result = prepare(request);
    if (result < 0) {
        if (request->route_socket >= 0) close(request->route_socket);
        request->namespace = result;
    }
    return NULL;
}

int linux_make_network_namespace(int *route_socket) {
    struct request request = {-1, -1};
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, run, &request);
    if (failed) return -failed;
    pthread_join(thread, NULL);
    if (request.namespace >= 0) *route_socket = request.route_socket;
    return request.namespace;
}

static void *run_loopback(void *argument) {
    int result = unshare(CLONE_NEWNET) < 0 ? -errno : linux_loopback_up();
    if (result == 0) {
        result = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (result < 0) result = -errno;
    }
    *(int *)argument = result;
    return NULL;
}

int linux_start_network_namespace(pthread_t *thread, int *result, const void *processors, size_t length) {
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed) return -failed;
    if (length) pthread_attr_setaffinity_np(&attributes, length, processors);
    failed = pthread_create(thread, &attributes, run_loopback, result);
    pthread_attr_destroy(&attributes);
    return -failed;
}

int linux_join_network_namespace(int descriptor) {
    return setns(descriptor, CLONE_NEWNET) < 0 ? -errno : 0;
}
