// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch/wholefile"
)

// writeFile replaces a file as a whole: a reader never sees half of it.
func writeFile(path string, content []byte) error {
	// A device or a folder must not be replaced by a file.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("report: %s: there is something else than a file of that name; give another", path)
	}
	_ = wholefile.Sweep(filepath.Dir(path), filepath.Base(path))
	if err := wholefile.Write(path, content); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
