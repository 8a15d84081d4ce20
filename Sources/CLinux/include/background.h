#ifndef GANTRY_CLINUX_BACKGROUND_H
#define GANTRY_CLINUX_BACKGROUND_H

/// posix_spawn(3) of `program` without arguments in a session of its own: standard input from /dev/null, output and
/// errors appended to `log`, no other descriptor, no signal blocked or ignored. Returns its process ID.
int linux_spawn_background(const char *program, const char *log);

#endif
