#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int linux_terminal_unlock(int master)
{
    int zero = 0;
    return ioctl(master, TIOCSPTLCK, &zero) < 0 ? -errno : 0;
}

int linux_terminal_number(int master)
{
    unsigned number = 0;
    return ioctl(master, TIOCGPTN, &number) < 0 ? -errno : (int)number;
}

int linux_terminal_peer(int master)
{
    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return peer < 0 ? -errno : peer;
}

int linux_terminal_control(int terminal)
{
    return ioctl(terminal, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

int linux_terminal_resize(int terminal, uint16_t columns, uint16_t rows)
{
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int linux_readable_bytes(int descriptor)
{
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) < 0 ? -errno : count;
}
