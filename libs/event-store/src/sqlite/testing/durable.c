/*
 * Stands between a process and its disk (LD_PRELOAD), to see what a power failure would leave.
 *
 * FLORIN_DISK_FOLDER  the folder that is watched
 * FLORIN_DISK_SHADOW  what is durable of it: a file per inode as of its last sync, and in `entries` a line
 *                     "inode name" for each directory entry as of the last sync of the folder
 * FLORIN_DISK_FAIL    the number of the sync that fails, counted from 1, and all that follow it
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int syncs;

/* Replaces shadow/name in one step, so that a kill leaves the old or the new content. */
static int publish(const char *draft, const char *name) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%s", getenv("FLORIN_DISK_SHADOW"), name);
  return rename(draft, path);
}

static void copy_content(int fd, ino_t inode) {
  char draft[4200], name[32], buffer[65536];
  snprintf(draft, sizeof draft, "%s/draft", getenv("FLORIN_DISK_SHADOW"));
  snprintf(name, sizeof name, "%lu", (unsigned long)inode);
  int to = open(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  off_t at = 0;
  for (ssize_t got; (got = pread(fd, buffer, sizeof buffer, at)) > 0; at += got) {
    if (write(to, buffer, got) != got) abort();
  }
  close(to);
  if (publish(draft, name)) abort();
}

static void copy_entries(const char *folder) {
  char draft[4200];
  snprintf(draft, sizeof draft, "%s/draft", getenv("FLORIN_DISK_SHADOW"));
  FILE *to = fopen(draft, "w");
  DIR *from = opendir(folder);
  for (struct dirent *entry; (entry = readdir(from));) {
    if (entry->d_name[0] != '.') fprintf(to, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
  }
  closedir(from);
  fclose(to);
  if (publish(draft, "entries")) abort();
}

static int sync_file(int fd, long call) {
  const char *folder = getenv("FLORIN_DISK_FOLDER");
  char link[64], path[4200];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (!folder || length < 0 || strncmp(path, folder, strlen(folder))) return syscall(call, fd);
  path[length] = 0;
  syncs += 1;
  if (getenv("FLORIN_DISK_FAIL") && syncs >= atoi(getenv("FLORIN_DISK_FAIL"))) {
    errno = EIO;
    return -1;
  }
  int result = syscall(call, fd);
  struct stat found;
  if (result || !getenv("FLORIN_DISK_SHADOW") || fstat(fd, &found)) return result;
  if (S_ISDIR(found.st_mode)) copy_entries(folder);
  else copy_content(fd, found.st_ino);
  return 0;
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
