#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
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

// In the calling thread: a new namespace, its loopback up. Its descriptor, or -errno.
static int make_here(void) {
    if (unshare(CLONE_NEWNET) < 0) return -errno;
    int result = linux_loopback_up();
    if (result < 0) return result;
    int namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return namespace < 0 ? -errno : namespace;
}

static void *make_with_socket(void *argument) {
    struct request *request = argument;
    request->namespace = make_here();
    if (request->namespace < 0) return NULL;
    // No link-local addresses on links that are given IPv4 only; absent when the kernel has no IPv6.
    set_inside("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    request->route_socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (request->route_socket >= 0) return NULL;
    int failed = errno;
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

static void *make_alone(void *argument) {
    *(int *)argument = make_here();
    return NULL;
}

int linux_start_network_namespace(pthread_t *thread, int *result, const void *processors, size_t length) {
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed) return -failed;
    if (length) pthread_attr_setaffinity_np(&attributes, length, processors);
    failed = pthread_create(thread, &attributes, make_alone, result);
    pthread_attr_destroy(&attributes);
    return -failed;
}

int linux_join_network_namespace(int descriptor) {
    return setns(descriptor, CLONE_NEWNET) < 0 ? -errno : 0;
}
