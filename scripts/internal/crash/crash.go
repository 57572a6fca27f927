// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package crash gives crashes an exit code of their own. A Go program that panics,
// that runs out of memory or that dies of SIGSEGV, SIGQUIT and the like ends with 2,
// which is what commands end with after wrong usage: schedulers that do not repeat a
// wrong command would not repeat a crashed one either.
package crash

import "C" // crash.c
import "runtime/debug"

// ExitCode is 128 + SIGABRT, with which shells report an abort.
const ExitCode = 134

// UseExitCode makes the process end with [ExitCode] when it crashes, after printing
// the stacks of all goroutines.
//
// The runtime aborts when the traceback level is "crash". An abort alone would write
// a core dump, of gigabytes once libtorch is loaded, and would not end process 1 of a
// container, for which the kernel ignores signals without a handler: the runtime
// would then exit with 2 after all. So a handler that was installed before the
// runtime started exits instead. It is not installed if the environment says
// GOTRACEBACK=crash: then the abort, and the core dump, are wanted.
func UseExitCode() { debug.SetTraceback("crash") }
