// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pickle reads and writes Python's pickles as data. Reading executes nothing: a
// class or function is a name, and the caller's [Handler] decides what a call of it
// returns. It should know a few names and refuse all others.
package pickle
