#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>
#include <string.h>

void linux_malloc_trim(size_t keep) {
#ifdef __GLIBC__
    malloc_trim(keep);
#endif
}

ssize_t linux_find(const void *bytes, size_t length, const void *wanted, size_t wanted_length) {
    const char *found = length ? memmem(bytes, length, wanted, wanted_length) : NULL;
    return found ? found - (const char *)bytes : -1;
}
