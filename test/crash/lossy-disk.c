/*
 * A disk that can lose what was not synced: preloaded into a member (LD_PRELOAD), it journals every write below
 * LOSSY_DIR with the bytes it replaced, and every sync that succeeded, to LOSSY_JOURNAL. After the process was
 * killed, `lossy-disk.ts` undoes or tears any of the writes that no sync covers, as a power cut may.
 *
 * LOSSY_CUT_AFTER=N kills the process inside its N-th write, which then counts as not synced even where the file is
 * opened for synchronous writing: the power may fail in the middle of it.
 *
 * A file is known by its inode and the time of its birth, as names change and inodes are used again: the writes to a file
 * that another one has replaced are no writes to that one.
 *
 * LOSSY_LIE makes it a disk that forgets its syncs, too: a suite that does not notice that is no test.
 *
 * Changes of size and of names count as durable at once: what is tested is the order of writes and syncs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct record {
  uint32_t kind; /* 1 write, 2 sync, 3 write that was durable when it returned */
  uint32_t old_length, new_length, unused;
  uint64_t inode, birth; /* birth: nanoseconds; 0 when the file system does not know */
  uint64_t sequence;     /* of a sync: every write with a lower one is covered */
  uint64_t offset, old_size;
};

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_msync)(void *, size_t, int);
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *dir;
static size_t dir_length;
static int journal = -1;
static uint64_t sequence, cut_after;
static bool lies;

__attribute__((constructor)) static void set_up(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_msync = dlsym(RTLD_NEXT, "msync");
  dir = getenv("LOSSY_DIR");
  const char *file = getenv("LOSSY_JOURNAL");
  if (dir == NULL || file == NULL) return;
  dir_length = strlen(dir);
  lies = getenv("LOSSY_LIE") != NULL;
  const char *cut = getenv("LOSSY_CUT_AFTER");
  cut_after = cut == NULL ? 0 : strtoull(cut, NULL, 10);
  journal = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static ssize_t path_of(int fd, char *path, size_t size) {
  char link[64];
  if (journal < 0 || fd == journal) return -1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, size - 1);
  if (n <= 0 || (size_t)n < dir_length || memcmp(path, dir, dir_length) != 0) return -1;
  path[n] = 0;
  return n;
}

/* Fills in which file it is about: that of a descriptor, or at a path. */
static void name_file(struct record *record, int fd, const char *path) {
  struct statx found;
  int flags = fd >= 0 ? AT_EMPTY_PATH : 0;
  if (statx(fd >= 0 ? fd : AT_FDCWD, path, flags, STATX_INO | STATX_BTIME, &found) != 0) return;
  record->inode = found.stx_ino;
  if (found.stx_mask & STATX_BTIME)
    record->birth = (uint64_t)found.stx_btime.tv_sec * 1000000000u + found.stx_btime.tv_nsec;
}

static void append(const struct record *record, const uint8_t *old, const struct iovec *fresh, int count) {
  struct iovec parts[64 + 2];
  parts[0] = (struct iovec){(void *)record, sizeof *record};
  parts[1] = (struct iovec){(void *)old, record->old_length};
  size_t rest = record->new_length;
  int n = 2;
  for (int i = 0; i < count && n < 66 && rest > 0; i++) {
    size_t length = fresh[i].iov_len < rest ? fresh[i].iov_len : rest;
    parts[n++] = (struct iovec){fresh[i].iov_base, length};
    rest -= length;
  }
  real_writev(journal, parts, n);
}

/* offset -1: at the file's position. */
static ssize_t journaled(int fd, const struct iovec *parts, int count, off_t offset) {
  size_t length = 0;
  if (count > 64) count = 64; /* a short write is legal */
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  pthread_mutex_lock(&mutex);
  struct stat before;
  fstat(fd, &before);
  int flags = fcntl(fd, F_GETFL);
  off_t at = offset >= 0 ? offset : (flags & O_APPEND) ? before.st_size : lseek(fd, 0, SEEK_CUR);
  uint8_t *old = malloc(length + 1);
  ssize_t old_length = -1;
  /* The descriptor may be write-only: the old bytes are read through another one. */
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  int reader = open(self, O_RDONLY | O_CLOEXEC);
  if (reader >= 0) {
    old_length = pread(reader, old, length, at);
    close(reader);
  }
  ssize_t written = offset >= 0 ? real_pwritev(fd, parts, count, offset) : real_writev(fd, parts, count);
  int saved = errno;
  if (written > 0) {
    bool cut = cut_after != 0 && sequence + 1 >= cut_after;
    struct record record = {.kind = (flags & (O_DSYNC | O_SYNC)) && !cut && !lies ? 3 : 1,
                            .old_length = old_length > 0 ? (uint32_t)(old_length < written ? old_length : written) : 0,
                            .new_length = (uint32_t)written, .sequence = sequence++, .offset = (uint64_t)at,
                            .old_size = (uint64_t)before.st_size};
    name_file(&record, fd, "");
    append(&record, old, parts, count);
    if (cut) kill(getpid(), SIGKILL);
  }
  pthread_mutex_unlock(&mutex);
  free(old);
  errno = saved;
  return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  char path[1024];
  if (real_write == NULL) set_up();
  ssize_t n = path_of(fd, path, sizeof path);
  struct iovec part = {(void *)bytes, length};
  return n < 0 ? real_write(fd, bytes, length) : journaled(fd, &part, 1, -1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  char path[1024];
  ssize_t n = path_of(fd, path, sizeof path);
  struct iovec part = {(void *)bytes, length};
  return n < 0 ? real_pwrite(fd, bytes, length, offset) : journaled(fd, &part, 1, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  char path[1024];
  ssize_t n = path_of(fd, path, sizeof path);
  return n < 0 ? real_writev(fd, parts, count) : journaled(fd, parts, count, -1);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  char path[1024];
  ssize_t n = path_of(fd, path, sizeof path);
  return n < 0 ? real_pwritev(fd, parts, count, offset) : journaled(fd, parts, count, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

static void note_sync(int fd, const char *path, uint64_t covered) {
  if (lies) return;
  pthread_mutex_lock(&mutex);
  struct record record = {.kind = 2, .sequence = covered};
  name_file(&record, fd, path);
  append(&record, NULL, NULL, 0);
  pthread_mutex_unlock(&mutex);
}

static uint64_t covered_now(void) {
  pthread_mutex_lock(&mutex);
  uint64_t now = sequence;
  pthread_mutex_unlock(&mutex);
  return now;
}

static int synced(int fd, int (*real)(int)) {
  char path[1024];
  ssize_t n = path_of(fd, path, sizeof path);
  uint64_t covered = covered_now();
  int result = real(fd);
  if (result == 0 && n > 0) note_sync(fd, "", covered);
  return result;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int msync(void *address, size_t length, int flags) {
  uint64_t covered = covered_now();
  int result = real_msync(address, length, flags);
  if (result != 0 || journal < 0 || !(flags & MS_SYNC)) return result;
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[2048];
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to;
    char *path = strchr(line, '/');
    if (path == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2) continue;
    if ((unsigned long)address < from || (unsigned long)address >= to) continue;
    path[strcspn(path, "\n")] = 0;
    /* The name is the file's present one; of one that has been deleted nothing is left to lose. */
    if (memcmp(path, dir, dir_length) == 0) note_sync(-1, path, covered);
  }
  if (maps != NULL) fclose(maps);
  return result;
}
