// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !linux

package wholefile

import (
	"io/fs"
	"os"
)

func writtenBytes(_ *os.File, info fs.FileInfo) int64 { return info.Size() }
