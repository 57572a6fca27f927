// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !linux

package wholefile

import (
	"errors"
	"io/fs"
	"os"
)

func createUnnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func nameFile(*os.File, string) error { return errors.ErrUnsupported }

func writtenBytes(_ *os.File, info fs.FileInfo) int64 { return info.Size() }
