// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"fmt"
	"os"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/wholefile"
)

// open lets read have a file and its size. Errors name the file.
func open[T any](path string, read func(f *os.File, size int64) (T, error)) (content T, err error) {
	f, size, err := wholefile.Open(path)
	if err == nil {
		defer f.Close()
		content, err = read(f, size)
	}
	if err != nil {
		return content, fmt.Errorf("files: %s: %w", path, err)
	}
	return content, nil
}

// container is what a file of tensors holds.
type container struct {
	names   []string // in the order of the file
	tensors map[string]*torch.Tensor
	skipped []data.Skip
}

func (c *container) add(name string, t *torch.Tensor) {
	if c.tensors == nil {
		c.tensors = map[string]*torch.Tensor{}
	}
	if old := c.tensors[name]; old != nil {
		old.Close() // as numpy.load, take the last of two entries with a name
	} else {
		c.names = append(c.names, name)
	}
	c.tensors[name] = t
}

func (c *container) close() {
	for _, t := range c.tensors {
		t.Close()
	}
}
