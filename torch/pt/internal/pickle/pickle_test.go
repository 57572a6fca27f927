// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"archive/zip"
	"errors"
	"io"
	"math"
	"math/big"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// anything is a handler that refuses nothing.
type anything struct{}

func (anything) Global(module, name string) (any, error) { return module + "." + name, nil }
func (anything) Reduce(f any, args []any) (any, error)   { return &Tuple{append([]any{f}, args...)}, nil }
func (anything) Build(_, state any) error                { return nil }
func (anything) PersistentID(id any) (any, error)        { return id, nil }

type nothing struct{ anything }

var errRefused = errors.New("refused")

func (nothing) Global(string, string) (any, error) { return nil, errRefused }

// Numbers and opcodes as Python 3.11 writes them: pickle.dumps(x, 2).
func TestInts(t *testing.T) {
	shift := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
	for _, c := range []struct {
		x    any
		want string
	}{
		{0, "K\x00"}, {255, "K\xff"}, {256, "M\x00\x01"}, {65535, "M\xff\xff"}, {65536, "J\x00\x00\x01\x00"},
		{-1, "J\xff\xff\xff\xff"}, {math.MaxInt32, "J\xff\xff\xff\x7f"}, {math.MinInt32, "J\x00\x00\x00\x80"},
		{1 << 31, "\x8a\x05\x00\x00\x00\x80\x00"}, {-1<<31 - 1, "\x8a\x05\xff\xff\xff\x7f\xff"},
		{math.MaxInt, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"}, {math.MinInt, "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"},
		{shift(63), "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00"},
		{new(big.Int).Neg(shift(71)), "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x80"},
		{new(big.Int).Neg(shift(72)), "\x8a\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff"},
	} {
		var e Encoder
		switch x := c.x.(type) {
		case int:
			e.Int(int64(x))
		case *big.Int:
			e.BigInt(x)
		}
		b := e.Finish()
		assert.Equal(t, "\x80\x02"+c.want+".", string(b), "%v", c.x)
		back, err := Decode(b, nothing{})
		require.NoError(t, err)
		assert.Equal(t, c.x, back)
	}
}

// Beyond 256 values the memo's references are longer, beyond 1000 items a
// container is filled in parts.
func TestLongContainers(t *testing.T) {
	var e Encoder
	require.NoError(t, e.List(2001, func(i int) error { e.Text(string(rune('a' + i%700))); return nil }))
	v, err := Decode(e.Finish(), nothing{})
	require.NoError(t, err)
	items := v.(*List).Items
	require.Len(t, items, 2001)
	for i, x := range items {
		require.Equal(t, string(rune('a'+i%700)), x)
	}
}

func TestErrorsPass(t *testing.T) {
	var e Encoder
	e.Global("os", "system")
	_, err := Decode(e.Finish(), nothing{})
	require.ErrorIs(t, err, errRefused)
	assert.EqualError(t, err, "pickle, byte 2: refused")
	assert.ErrorIs(t, e.List(1, func(int) error { return errRefused }), errRefused)
	assert.ErrorIs(t, e.Tuple(4, func(int) error { return errRefused }), errRefused)
	assert.ErrorIs(t, e.Items(2, func(int) error { return errRefused }), errRefused)
}

func TestMemoryIsBounded(t *testing.T) {
	b := make([]byte, maxValues+100)
	for i := range b {
		b[i] = opNone
	}
	copy(b, "\x80\x02")
	_, err := Decode(b, nothing{})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "more than 16777216 values")
}

func FuzzUnpickle(f *testing.F) {
	paths, err := filepath.Glob("../../testdata/*.pt")
	require.NoError(f, err)
	for _, path := range paths {
		z, err := zip.OpenReader(path)
		if err != nil {
			continue // the legacy file
		}
		for _, r := range z.File {
			if filepath.Base(r.Name) != "data.pkl" || r.UncompressedSize64 > 10_000 {
				continue
			}
			content, err := r.Open()
			require.NoError(f, err)
			b, _ := io.ReadAll(content) // the checksum may be missing
			f.Add(b)
		}
		require.NoError(f, z.Close())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = Decode(b, anything{})
		if v, err := Decode(b, nothing{}); err != nil && v != nil {
			t.Errorf("a value, %v, together with the error %v", v, err)
		}
	})
}
