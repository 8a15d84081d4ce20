#ifndef GANTRY_CLINUX_NETNS_H
#define GANTRY_CLINUX_NETNS_H

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <pthread.h>

/// Makes a network namespace whose loopback is up, on a thread of its own that ends with the call (unshare(2) never
/// touches the caller). Returns its descriptor, close-on-exec, and in `route_socket` a NETLINK_ROUTE socket opened
/// inside, through which everything else can be done from outside; or -errno.
int linux_make_network_namespace(int *route_socket);

/// Starts making a network namespace, on a thread of its own, for linux_join_network_thread(). `stack` is the thread's while
/// it runs, `size` bytes, at least 16384 and a multiple of 16. `processors` is where the thread runs, a bit mask of `length`
/// bytes; anywhere when that is 0. 0 or -errno.
int linux_start_network_namespace(
    pthread_t *thread, void *stack, size_t size, const void *processors, size_t length);

/// pthread_join(3) of such a thread: `result` is then an IPv4 socket of the namespace, close-on-exec, or -errno. One that has
/// not ended is waited for, or else -EBUSY.
int linux_join_network_thread(pthread_t thread, int waits, int *result);

/// The network namespace of a socket (ioctl_ns(2), SIOCGSKNS), which by its name in /proc would cost ten times as much. Its
/// descriptor, close-on-exec, or -errno.
int linux_network_namespace_of(int handle);

/// Brings the loopback link up in the network namespace of an IPv4 socket.
int linux_loopback_up_of(int handle);

/// Brings the loopback link of the calling thread's network namespace up.
int linux_loopback_up(void);

/// setns(2) of the calling thread. Only for threads that never do anything else.
int linux_join_network_namespace(int descriptor);

#endif
