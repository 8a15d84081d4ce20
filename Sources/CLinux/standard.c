#include <fcntl.h>
#include <unistd.h>

// Before main, and before anything of Swift's: whoever closes descriptors 0 to 2 and starts a program would have it open its socket,
// its log or its epoll under the number of standard input or output. Go's runtime opens the same file in the same way.
__attribute__((constructor)) static void open_standard_descriptors(void) {
    for (int number = 0; number <= 2; number++) {
        if (fcntl(number, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) _exit(125);
    }
}
