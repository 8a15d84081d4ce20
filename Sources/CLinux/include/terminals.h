#ifndef GANTRY_CLINUX_TERMINALS_H
#define GANTRY_CLINUX_TERMINALS_H

#include <stdint.h>

/// ioctl(2) TIOCSPTLCK 0: lets the other side of a terminal be opened.
int linux_terminal_unlock(int master);
/// ioctl(2) TIOCGPTN: the number of the other side under /dev/pts.
int linux_terminal_number(int master);
/// ioctl(2) TIOCGPTPEER: the other side, by descriptor (Linux 4.13), close-on-exec, not controlling.
int linux_terminal_peer(int master);
/// ioctl(2) TIOCSCTTY: makes it the controlling terminal of the calling session.
int linux_terminal_control(int terminal);
/// ioctl(2) TIOCSWINSZ.
int linux_terminal_resize(int terminal, uint16_t columns, uint16_t rows);
/// ioctl(2) FIONREAD: bytes that can be read at once.
int linux_readable_bytes(int descriptor);

#endif
