/* Preloaded into a program, this makes one file operation below a folder fail, or makes the clock jump.

   FAULT_FOLDER  the folder; other files are left alone
   FAULT_AT      number of the operation, from 1; 0 only counts
   FAULT_MODE    eio: it fails once; full: it and all later writes find no space; short: half of it is written, and the
                 next operation finds no space
   FAULT_COUNT   file that gets the number of operations
   FAULT_CLOCK   if set, every second look at the date is ten years ahead */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_long done, looks;

/* True if the file is below the folder. */
static int counts(int fd) {
    const char *folder = getenv("FAULT_FOLDER");
    char link[64], path[4096];
    if (!folder || !getenv("FAULT_AT")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* Returns 0 to go on, 1 to write half, or sets errno and returns -1. */
static int fault(int fd, int is_write) {
    int saved = errno;
    if (!counts(fd)) { errno = saved; return 0; }
    errno = saved;
    long number = atomic_fetch_add(&done, 1) + 1, at = atol(getenv("FAULT_AT"));
    const char *mode = getenv("FAULT_MODE");
    if (at == 0 || number < at || !mode) return 0;
    int is_short = strcmp(mode, "short") == 0;
    if (number == at && is_short && is_write) return 1;
    if (number == at && (strcmp(mode, "eio") == 0 || is_short)) { errno = EIO; return -1; }
    if ((strcmp(mode, "full") == 0 && is_write) || (is_short && number == at + 1)) {
        errno = ENOSPC;
        return -1;
    }
    return 0;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    int found = fault(fd, 1);
    return found < 0 ? -1 : real(fd, bytes, found ? (count + 1) / 2 : count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    int found = fault(fd, 1);
    return found < 0 ? -1 : real(fd, bytes, found ? (count + 1) / 2 : count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    int found = fault(fd, 1);
    return found < 0 ? -1 : real(fd, bytes, found ? (count + 1) / 2 : count, at);
}
int fsync(int fd) { REAL(fsync); return fault(fd, 0) < 0 ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fault(fd, 0) < 0 ? -1 : real(fd); }
int ftruncate(int fd, off_t length) { REAL(ftruncate); return fault(fd, 0) < 0 ? -1 : real(fd, length); }
int ftruncate64(int fd, off64_t length) { REAL(ftruncate64); return fault(fd, 0) < 0 ? -1 : real(fd, length); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && getenv("FAULT_CLOCK") && atomic_fetch_add(&looks, 1) % 2)
        now->tv_sec += 10L * 365 * 86400;
    return result;
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("FAULT_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) { fprintf(file, "%ld", (long)done); fclose(file); }
}
