// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"os"

	"github.com/etude-ml/etude/scripts/internal/wholefile"
)

// writeFile replaces a file as a whole: a reader never sees half of it.
func writeFile(path string, content []byte) error {
	// A device or a folder must not be replaced by a file.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("report: %s: there is something else than a file of that name; give another", path)
	}
	if err := wholefile.Write(path, content); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
