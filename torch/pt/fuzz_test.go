// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// FuzzRead reads damaged files. What is read nevertheless can be written again.
func FuzzRead(f *testing.F) {
	torchtest.Need(f)
	paths, err := filepath.Glob("testdata/*.pt")
	require.NoError(f, err)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(f, err)
		if len(b) < 10_000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := readBytes(b)
		checkRead(t, v, err)
	})
}

// FuzzData reads whole files whose pickle is damaged, which FuzzRead hardly
// makes: the checksum is right.
func FuzzData(f *testing.F) {
	torchtest.Need(f)
	paths, err := filepath.Glob("testdata/*.pt")
	require.NoError(f, err)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(f, err)
		a, err := openArchive(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			continue
		}
		if data, err := a.read(a.records["data.pkl"], 10_000); err == nil {
			f.Add(string(data[2 : len(data)-1]))
		}
	}
	f.Fuzz(func(t *testing.T, opcodes string) {
		v, err := readBytes(archived(t, opcodes))
		checkRead(t, v, err)
	})
}

func checkRead(t *testing.T, v any, err error) {
	if err != nil {
		if v != nil {
			t.Errorf("a value together with the error %v", err)
		}
		return
	}
	var b bytes.Buffer
	if err := torch.Try(func() { err = Write(&b, v) }); err != nil {
		t.Error(err)
	}
	if err == nil { // the keys 1 and True, for one, cannot be written
		_, err := readBytes(b.Bytes())
		require.NoError(t, err)
	}
	closeAll(v)
}
