#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int linux_epoll_create(void)
{
    int result = epoll_create1(EPOLL_CLOEXEC);
    return result < 0 ? -errno : result;
}

int linux_epoll_add(int poller, int descriptor, uint64_t key)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = key};
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

int linux_epoll_remove(int poller, int descriptor)
{
    return epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL) < 0 ? -errno : 0;
}

int linux_epoll_wait(int poller, uint64_t *keys, int room, int timeout)
{
    struct epoll_event events[64];
    int count = epoll_wait(poller, events, room < 64 ? room : 64, timeout);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++)
        keys[i] = events[i].data.u64;
    return count;
}

int linux_eventfd(void)
{
    int result = eventfd(0, EFD_CLOEXEC);
    return result < 0 ? -errno : result;
}

int linux_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}
