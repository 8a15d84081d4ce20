#ifndef GANTRY_HEAP_H
#define GANTRY_HEAP_H

#include <stddef.h>
#include <sys/types.h>

/// malloc_trim(3): gives free heap pages back, keeping `keep` bytes at the top.
void linux_malloc_trim(size_t keep);

#endif
