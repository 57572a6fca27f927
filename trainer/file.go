// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"io"

	"github.com/etude-ml/etude/torch/wholefile"
)

// newDraft is changed by tests that let a write fail.
var newDraft = wholefile.NewDraft

// writeFile gives a file its content as a whole.
func writeFile(path string, content []byte) error {
	d, err := newDraft(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err == nil {
		err = d.Publish()
	}
	if err != nil {
		return fmt.Errorf("trainer: %s: %w", path, err)
	}
	return nil
}
