/* Asks for sockets of the families in its arguments in every way that there is, and prints what the kernel says: one line each.
   Without a C library and the 32-bit kernel calls of a 64-bit program, so that neither a 32-bit library nor compiler is needed. */
typedef unsigned long word;

static long call(long number, word first, word second, word third)
{
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second), "d"(third) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = (long)first;
    register word x1 __asm__("x1") = second, x2 __asm__("x2") = third;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    result = x0;
#endif
    return result;
}

#if defined(__x86_64__)
enum { SOCKET = 41, WRITE = 1, EXIT = 60 };

/// As a 32-bit program does it.
static long call32(unsigned number, unsigned first, unsigned second, unsigned third)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

/// In the lower 4 GB, as everything of a program that is not moved.
static unsigned arguments[3];

static long multiplexed(int family, int type)
{
    arguments[0] = (unsigned)family;
    arguments[1] = (unsigned)type;
    arguments[2] = 0;
    return call32(102, 1, (unsigned)(word)arguments, 0);
}
#else
enum { SOCKET = 198, WRITE = 64, EXIT = 93 };
#endif

static void print(const char *text)
{
    word length = 0;
    while (text[length])
        length++;
    call(WRITE, 1, (word)text, length);
}

static void show(const char *way, const char *family, long result)
{
    char digits[4] = {0};
    long code = -result;
    print(way);
    print(" ");
    print(family);
    if (result >= 0) {
        print(" open\n");
        return;
    }
    digits[0] = (char)('0' + code / 100 % 10);
    digits[1] = (char)('0' + code / 10 % 10);
    digits[2] = (char)('0' + code % 10);
    print(" ");
    print(digits);
    print("\n");
}

__attribute__((used)) void begin(long *stack)
{
    char **words = (char **)(stack + 1);
    for (long index = 1; index < stack[0]; index++) {
        int family = 0;
        for (const char *at = words[index]; *at; at++)
            family = family * 10 + *at - '0';
        /* SOCK_SEQPACKET is what AF_ALG has, SOCK_STREAM the others */
        int type = family == 38 ? 5 : 1;
        show("socket", words[index], call(SOCKET, (word)family, (word)type, 0));
#if defined(__x86_64__)
        show("x32-socket", words[index], call(0x40000000 + SOCKET, (word)family, (word)type, 0));
        show("socket32", words[index], call32(359, (unsigned)family, (unsigned)type, 0));
        show("socketcall", words[index], multiplexed(family, type));
#endif
    }
    call(EXIT, 0, 0, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tmovq %rsp, %rdi\n\tandq $-16, %rsp\n\tcall begin\n\tud2\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl begin\n\tbrk #1\n");
#endif
