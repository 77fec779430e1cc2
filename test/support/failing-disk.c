/*
 * Loaded into the daemon with LD_PRELOAD: file calls fail with EIO as the file named by FAILING_DISK says, which holds
 * one line, `<call> <part of the path>`. Without that file everything works. For tests only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(const char *call, int fd) {
  const char *orders = getenv("FAILING_DISK");
  if (orders == NULL) return 0;
  int file = (int)syscall(SYS_openat, AT_FDCWD, orders, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char order[256];
  ssize_t length = syscall(SYS_read, file, order, sizeof order - 1);
  syscall(SYS_close, file);
  if (length <= 0) return 0;
  order[length] = 0;
  char *part = strchr(order, ' ');
  if (part == NULL) return 0;
  *part++ = 0;
  if (strcmp(order, call) != 0) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t named = readlink(link, path, sizeof path - 1);
  if (named <= 0) return 0;
  path[named] = 0;
  if (strstr(path, part) == NULL) return 0;
  errno = EIO;
  return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fdatasync(int fd) { return fails("fdatasync", fd) ? -1 : NEXT(fdatasync)(fd); }
int fsync(int fd) { return fails("fsync", fd) ? -1 : NEXT(fsync)(fd); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  return fails("write", fd) ? -1 : NEXT(pwrite)(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  return fails("write", fd) ? -1 : NEXT(pwrite64)(fd, bytes, length, at);
}
