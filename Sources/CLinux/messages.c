#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAXIMUM_DESCRIPTORS 253 // SCM_MAX_FD

ssize_t linux_send_message(int socket, const void *bytes, size_t length, const int *descriptors, size_t count, int flags)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * MAXIMUM_DESCRIPTORS)];
    } control;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > MAXIMUM_DESCRIPTORS)
        return -EINVAL;
    if (count > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    ssize_t sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

ssize_t linux_receive_message(int socket, void *bytes, size_t length, int *descriptors, size_t *count, int flags)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * MAXIMUM_DESCRIPTORS)];
    } control;
    struct iovec vector = {.iov_base = bytes, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    size_t room = *count, found = 0;
    int overflow = 0;
    *count = 0;
    ssize_t received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    // Told once, and before what is queued: the peer went and had not read everything. What it sent is still there.
    if (received < 0 && errno == ECONNRESET)
        received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (received < 0)
        return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t arrived = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        int values[MAXIMUM_DESCRIPTORS];
        memcpy(values, CMSG_DATA(header), arrived * sizeof(int));
        for (size_t i = 0; i < arrived; i++) {
            if (found < room)
                descriptors[found++] = values[i];
            else {
                close(values[i]);
                overflow = 1;
            }
        }
    }
    if (overflow || (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
        for (size_t i = 0; i < found; i++)
            close(descriptors[i]);
        return -EMSGSIZE;
    }
    *count = found;
    return received;
}

const char *linux_error_text(int code)
{
    return strerrordesc_np(code);
}
