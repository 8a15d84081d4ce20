#ifndef GANTRY_CLINUX_CONSOLE_H
#define GANTRY_CLINUX_CONSOLE_H

#include <stdint.h>

/// ioctl(TIOCGWINSZ): 0, or -errno (ENOTTY when `descriptor` is no terminal).
int linux_window_size(int descriptor, uint16_t *rows, uint16_t *columns);

/// Blocks the `count` signals of `signals` in this thread and makes a descriptor that reports them
/// (signalfd(2), close-on-exec).
int linux_signal_descriptor(const int *signals, int count);

/// Reads the number of one signal from such a descriptor.
int linux_next_signal(int descriptor);

/// Ends this process by `signal`, as if it had never been blocked or caught.
void linux_die_by(int signal);

#endif
