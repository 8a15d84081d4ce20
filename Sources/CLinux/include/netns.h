#ifndef GANTRY_CLINUX_NETNS_H
#define GANTRY_CLINUX_NETNS_H

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

/// Makes a network namespace whose loopback is up, on a thread of its own that ends with the call (unshare(2) never
/// touches the caller). Returns its descriptor, close-on-exec, and in `route_socket` a NETLINK_ROUTE socket opened
/// inside, through which everything else can be done from outside; or -errno.
int linux_make_network_namespace(int *route_socket);

/// Brings the loopback link of the calling thread's network namespace up.
int linux_loopback_up(void);

/// setns(2) of the calling thread. Only for threads that never do anything else.
int linux_join_network_namespace(int descriptor);

#endif
