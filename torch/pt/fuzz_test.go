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
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
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
	f.Fuzz(func(t *testing.T, b []byte) { checkRead(t, b) })
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
		var data []byte
		err = fail.Catch(func() {
			a := openArchive(bytes.NewReader(b), int64(len(b)))
			data = a.read(a.records["data.pkl"], 10_000)
		})
		if err == nil {
			f.Add(string(data[2 : len(data)-1]))
		}
	}
	f.Fuzz(func(t *testing.T, opcodes string) {
		checkRead(t, archived(t, opcodes))
	})
}

// FuzzLegacy reads files of the legacy format whose beginning is whole.
func FuzzLegacy(f *testing.F) {
	torchtest.Need(f)
	head := len(legacyFile("", "")) - 1
	for _, name := range []string{"legacy2", "legacy4", "legacy_views", "legacy_parts"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".pt"))
		require.NoError(f, err)
		from := bytes.LastIndex(b[:min(len(b), 200)], []byte("uu.\x80")) + 5 // after the system's facts
		_, n, err := pickle.DecodeFrom(bytes.NewReader(b[from-2:]), len(b), passing{})
		require.NoError(f, err, name)
		opcodes, rest := string(b[from:from+n-3]), string(b[from+n-2:])
		v, err := readBytes(legacyFile(opcodes, rest))
		require.NoError(f, err, name)
		closeAll(v)
		f.Add(opcodes, rest)
	}
	require.Equal(f, byte(0x80), legacyFile("", "")[head-2])
	f.Fuzz(func(t *testing.T, opcodes, rest string) { checkRead(t, legacyFile(opcodes, rest)) })
}

// passing takes whatever a pickle asks for.
type passing struct{}

func (passing) Global(_, name string) (any, error) { return name, nil }
func (passing) Reduce(any, []any) (any, error)     { return &pickle.Dict{}, nil }
func (passing) Build(_, _ any) error               { return nil }
func (passing) PersistentID(any) (any, error)      { return nil, nil }

func checkRead(t *testing.T, b []byte) {
	info, inspectErr := inspectReader(t.Context(), bytes.NewReader(b), int64(len(b)))
	v, err := readBytes(b)
	if err != nil {
		if v != nil {
			t.Errorf("a value together with the error %v", err)
		}
		return
	}
	defer closeAll(v)
	if inspectErr == nil && len(info.Tensors)+len(info.Values) == 0 {
		t.Error("nothing is listed")
	}
	var again bytes.Buffer
	if err := torch.Try(func() { err = Write(&again, v) }); err != nil {
		t.Error(err)
	}
	if err == nil { // the keys 1 and True, for one, cannot be written
		second, err := readBytes(again.Bytes())
		require.NoError(t, err)
		closeAll(second)
	}
}
