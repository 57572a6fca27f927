// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch/internal/files"
)

// writeFile writes data to a new file beside path, calls try on it, and gives it
// the name when that succeeds. Whatever happens, path is the old file or the
// whole new one.
func writeFile(path string, data []byte, try func(temp string) error) error {
	if len(data) > maxFile {
		return fmt.Errorf("the file would have %d bytes; an ONNX file has less than 2 GiB", len(data))
	}
	temp := fmt.Sprintf("%s.%016x.tmp", path, rand.Uint64())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer os.Remove(temp) // fails once it was renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = try(temp)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	return files.SyncFolder(filepath.Dir(path))
}
