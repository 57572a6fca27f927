// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pickle reads and writes Python's pickles as data. Reading one calls
// nothing: a class or function in it is a name, and what a call of it returns is
// up to the reader's user, who knows a few names and refuses all others.
package pickle
