#ifndef GANTRY_CLINUX_H
#define GANTRY_CLINUX_H

// The system calls and constants that Swift cannot import. One function per call; each returns
// its result, or -errno. No policy lives here.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attributes.h"
#include "background.h"
#include "console.h"
#include "filters.h"
#include "filesystem.h"
#include "heap.h"
#include "messages.h"
#include "netns.h"
#include "mounts.h"
#include "processes.h"
#include "terminals.h"
#include "waiting.h"

#endif
