#ifndef GANTRY_CLINUX_MESSAGES_H
#define GANTRY_CLINUX_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// sendmsg(2) of `length` bytes with up to 253 descriptors as SCM_RIGHTS. MSG_NOSIGNAL is always set.
ssize_t linux_send_message(int socket, const void *bytes, size_t length, const int *descriptors, size_t count, int flags);

/// recvmsg(2); descriptors arrive close-on-exec. `count` holds the room in `descriptors` on entry and the number
/// received on return. A truncated message is -EMSGSIZE (its descriptors are closed). What a peer sent before it closed a
/// local socket is received even when it left something unread: never -ECONNRESET (unix(7)).
ssize_t linux_receive_message(int socket, void *bytes, size_t length, int *descriptors, size_t *count, int flags);

/// The kernel's words for an errno value (strerrordesc_np(3)): static text, never translated, or NULL.
const char *linux_error_text(int code);

#endif
