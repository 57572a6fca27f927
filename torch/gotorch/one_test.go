// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOnlyFrom(t *testing.T) {
	maps := `7f10-7f20 r--p 00000000 00:1e 12 /opt/a b/lib/libtorch_cpu.so
7f20-7f30 r-xp 00001000 00:1e 12 /opt/a b/lib/libtorch_cpu.so
7f30-7f40 rw-p 00000000 00:00 0
7f40-7f50 r-xp 00000000 00:1e 13 /elsewhere/libc10.so
`
	assert.NoError(t, onlyFrom("/opt/a b/lib", maps))
	assert.EqualError(t, onlyFrom("/opt/c/lib", maps), "GoTorch is linked with /opt/a b/lib/libtorch_cpu.so, "+
		"but libtorch is set up in /opt/c/lib; compile GoTorch's C++ again (see package gotorch)")
}
