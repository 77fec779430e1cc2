/*
 * Loaded into storescp with LD_PRELOAD: makes each received file durable before it is closed, and with it before the
 * sender gets its answer. SYNC_FOLDER names the folder that the files lie in. For the benchmark only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int fclose(FILE *file) {
  static int (*next)(FILE *);
  static int folder = -1;
  if (next == NULL) next = (int (*)(FILE *))dlsym(RTLD_NEXT, "fclose");
  const char *name = getenv("SYNC_FOLDER");
  int fd = fileno(file);
  int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
  if (name != NULL && flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) {
    if (folder < 0) folder = open(name, O_RDONLY | O_DIRECTORY);
    if (fflush(file) != 0 || fdatasync(fd) != 0 || fsync(folder) != 0) abort();
  }
  return next(file);
}
