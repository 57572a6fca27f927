// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void exit_aborted(int signal) {
  (void)signal;
  _exit(128 + SIGABRT);
}

/* Go's runtime keeps the handlers that it finds when it starts. It calls the one of
   SIGABRT when it aborts. Before that it sends SIGQUIT to the process for each of its
   threads to print its stack, and where a thread of libtorch's receives it, the runtime
   calls the one of SIGQUIT. A constructor runs before the runtime starts. */
static void __attribute__((constructor)) handle_crashes(void) {
  const char *traceback = getenv("GOTRACEBACK");
  if (traceback != NULL && strcmp(traceback, "crash") == 0)
    return;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = exit_aborted;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGABRT, &action, NULL);
  sigaction(SIGQUIT, &action, NULL);
}
