// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void exit_aborted(int signal) { _exit(128 + signal); }

/* Go's runtime keeps the handlers that it finds when it starts, and calls the one
   of SIGABRT when it aborts. A constructor runs before that. */
static void __attribute__((constructor)) handle_abort(void) {
  const char *traceback = getenv("GOTRACEBACK");
  if (traceback != NULL && strcmp(traceback, "crash") == 0)
    return;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = exit_aborted;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGABRT, &action, NULL);
}
