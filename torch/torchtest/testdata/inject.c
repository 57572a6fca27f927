// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// inject HOW N FOLDER COMMAND…: runs a command and disturbs the N-th system call, over all
// threads, that changes something below FOLDER. HOW is "before" or "after", at which moment the
// command is killed, or the number of an error that the call fails with. With N = 0 nothing is
// disturbed. The last line on stderr says how many such calls there were, and which one was hit.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *folder;

static int below(const char *path) { return strncmp(path, folder, strlen(folder)) == 0; }

static void link_target(pid_t p, const char *what, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/%d/%s", p, what);
  ssize_t n = readlink(link, path, PATH_MAX - 1);
  path[n < 0 ? 0 : n] = 0;
}

// The path of an open file.
static int fd_below(pid_t p, int fd) {
  char what[32], path[PATH_MAX];
  snprintf(what, sizeof what, "fd/%d", fd);
  link_target(p, what, path);
  return below(path);
}

// A path among the arguments; tests give absolute ones.
static int path_below(pid_t p, unsigned long address) {
  char path[PATH_MAX] = "";
  struct iovec ours = {path, 0}, theirs = {(void *)address, 0};
  for (size_t n = 0; n + 64 < sizeof path; n += 64) {  // in pieces: the next page may not be there
    ours.iov_base = path + n;
    theirs.iov_base = (char *)address + n;
    ours.iov_len = theirs.iov_len = 64;
    if (process_vm_readv(p, &ours, 1, &theirs, 1, 0) <= 0 || memchr(path + n, 0, 64)) break;
  }
  return below(path);
}

static int changes(pid_t p, const struct __ptrace_syscall_info *i) {
  const unsigned long long *a = (const unsigned long long *)i->entry.args;
  switch (i->entry.nr) {
    case SYS_write: case SYS_pwrite64: case SYS_writev: case SYS_fsync: case SYS_fdatasync:
    case SYS_ftruncate: case SYS_fchmod: case SYS_sendfile:
      return fd_below(p, (int)a[0]);
    case SYS_copy_file_range:
      return fd_below(p, (int)a[2]);
    case SYS_openat:
      return (a[2] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) && path_below(p, a[1]);
    case SYS_mkdirat: case SYS_unlinkat: case SYS_fchmodat:
      return path_below(p, a[1]);
    case SYS_renameat: case SYS_renameat2: case SYS_linkat:
      return path_below(p, a[3]);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  const char *how = argv[1];
  long n = atol(argv[2]), count = 0, hit = -1;
  int failure = atoi(how), code = 0;
  folder = argv[3];
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    execv(argv[4], argv + 4);
    _exit(127);
  }
  int status;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, 0,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
             PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  pid_t disturbed = 0;  // the thread whose call was hit, until the call ends
  for (pid_t p; (p = waitpid(-1, &status, __WALL)) > 0;) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (p == child) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      struct __ptrace_syscall_info i;
      ptrace(PTRACE_GET_SYSCALL_INFO, p, sizeof i, &i);
      if (i.op == PTRACE_SYSCALL_INFO_ENTRY && changes(p, &i) && ++count == n) {
        hit = (long)i.entry.nr;
        if (!strcmp(how, "before")) kill(child, SIGKILL);
        disturbed = p;
        if (failure) {
          struct user_regs_struct r;
          ptrace(PTRACE_GETREGS, p, 0, &r);
          r.orig_rax = -1;  // no call at all
          ptrace(PTRACE_SETREGS, p, 0, &r);
        }
      } else if (i.op == PTRACE_SYSCALL_INFO_EXIT && p == disturbed) {
        disturbed = 0;
        if (failure) {
          struct user_regs_struct r;
          ptrace(PTRACE_GETREGS, p, 0, &r);
          r.rax = (unsigned long long)-failure;
          ptrace(PTRACE_SETREGS, p, 0, &r);
        } else {
          kill(child, SIGKILL);
        }
      }
      signal = 0;
    } else if (signal == SIGTRAP || signal == SIGSTOP) {
      signal = 0;  // a new thread, or an exec
    }
    ptrace(PTRACE_SYSCALL, p, 0, signal);
  }
  fprintf(stderr, "\ninject: %ld calls, hit system call %ld\n", count, hit);
  return code;
}
