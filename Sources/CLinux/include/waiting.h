#ifndef GANTRY_CLINUX_WAITING_H
#define GANTRY_CLINUX_WAITING_H

#include <stddef.h>
#include <stdint.h>

/// epoll_create1(2), close-on-exec.
int linux_epoll_create(void);
/// epoll_ctl(2): reports readable input (and hang-ups) of `descriptor` as `key`.
int linux_epoll_add(int poller, int descriptor, uint64_t key);
/// epoll_ctl(2) EPOLL_CTL_DEL.
int linux_epoll_remove(int poller, int descriptor);
/// epoll_wait(2): the keys that are ready, at most 64; their number or -errno. `timeout` in milliseconds, -1 for ever.
int linux_epoll_wait(int poller, uint64_t *keys, int room, int timeout);
/// eventfd(2), close-on-exec.
int linux_eventfd(void);
/// pipe2(2), close-on-exec: 0 is read, 1 is written.
int linux_pipe(int ends[2]);

#endif
