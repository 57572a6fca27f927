// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !linux && !darwin && !freebsd

package wholefile

import "io/fs"

// Mine takes every file for the current user's.
func Mine(fs.FileInfo) bool { return true }

// CheckOwner takes every file for safe.
func CheckOwner(fs.FileInfo) error { return nil }
