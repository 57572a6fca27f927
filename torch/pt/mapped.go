// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"os"

	"github.com/etude-ml/etude/torch"
)

// mapping is a file as one tensor of bytes, mapped into memory at its first use.
// libtorch maps it for reading, and copies the pages that are written to.
type mapping struct {
	path  string
	size  int64
	whole *torch.Tensor
}

// part returns the bytes of a storage, or nil when they are not aligned for its
// elements, as in archives that other tools have packed anew.
func (m *mapping) part(s *storageSpec) *torch.Tensor {
	if s.rec.offset%16 != 0 {
		return nil
	}
	if m.whole == nil {
		m.whole = torch.Call("aten::from_file", m.path, false, int(m.size), torch.Named{"dtype": torch.UInt8}).Tensor()
	}
	return m.whole.Narrow(0, int(s.rec.offset), int(s.rec.size))
}

// sameFile returns a path of the open file itself, where the system has such paths,
// because another file may have taken its name meanwhile.
func sameFile(f *os.File) string {
	path := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if _, err := os.Stat(path); err != nil {
		return f.Name()
	}
	return path
}
