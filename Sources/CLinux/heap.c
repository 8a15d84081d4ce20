#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>

void linux_malloc_trim(size_t keep) {
#ifdef __GLIBC__
    malloc_trim(keep);
#endif
}
