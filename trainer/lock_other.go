// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !linux && !darwin && !freebsd

package trainer

import "os"

// lockFolder trusts that one run at a time saves to a folder.
func lockFolder(string) (*os.File, error) { return nil, nil }
