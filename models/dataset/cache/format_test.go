// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func key(i int) Key {
	return Key{"test.noise", 3, sha256.Sum256(fmt.Append(nil, i))}
}

// small is an entry of 1 block.
func small(i int) *Entry {
	return &Entry{Rows: []Row{{"x", []float32{float32(i)}}}}
}

// bits makes floats comparable, NaNs too.
func bits(e *Entry) []any {
	list := []any{e.Failure, e.Notes}
	for _, r := range e.Rows {
		b := []uint32{}
		for _, v := range r.Values {
			b = append(b, math.Float32bits(v))
		}
		list = append(list, r.Part, b)
	}
	return list
}

var oddities = map[string]*Entry{
	"nothing":   {},
	"a failure": {Failure: "the file is empty: record it again", Notes: []string{"", "é\x00\xff"}},
	"NaNs and zeros": {Rows: []Row{{"x", []float32{
		math.Float32frombits(0x7fc00000), math.Float32frombits(0xffc12345), math.Float32frombits(0x7f800001), // quiet, with a payload, signalling
		float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 0, math.SmallestNonzeroFloat32, math.MaxFloat32}}}},
	"lengths": {Rows: []Row{{"", nil}, {"a", make([]float32, 1)}, {"b", make([]float32, 127)}, {"a", nil}, {"c", make([]float32, 70_001)}}},
}

func TestRoundTrip(t *testing.T) {
	c := open(t)
	for name, e := range oddities {
		k := Key{name, -7, [32]byte{1, 31: 2}}
		_, ok := c.Get(k)
		require.False(t, ok)
		require.NoError(t, c.Put(k, e))
		got, ok := c.Get(k)
		require.True(t, ok, name)
		assert.Equal(t, bits(e), bits(got), name)
		for _, other := range []Key{{name + " ", -7, k.Content}, {name, 7, k.Content}, {name, -7, [32]byte{1}}} {
			_, ok := c.Get(other)
			assert.False(t, ok, "%s: %v", name, other)
		}
	}
	s := c.Stats()
	assert.Equal(t, []int64{4, 16, 0}, []int64{s.Hits, s.Misses, s.Damaged})
	assert.Equal(t, 4, stored(t, c))
}

// Each byte changed, each byte missing, one too many: a miss, and the file is gone.
func TestDamage(t *testing.T) {
	c := open(t)
	k := key(1)
	e := &Entry{Rows: []Row{{"x", []float32{1, 2}}, {"y", nil}}, Notes: []string{"n"}, Failure: "f"}
	sound := encodeEntry(k, e)
	path := filepath.Join(c.dir, k.file())
	require.NoError(t, c.Put(k, e))
	cases := map[string][]byte{
		"one byte more": append(slices.Clone(sound), 0),
		"twice":         append(slices.Clone(sound), sound...),
		"another key":   encodeEntry(key(2), e),
		"a hash":        encodeEntry(identity{}.key(), e),
		"longer inside": k.seal(append(slices.Clone(sound[:len(sound)-checkBytes]), 0)),
		"zeros":         make([]byte, len(sound)),
	}
	// Lengths that lie, with a checksum that is right.
	for name, tail := range map[string][]byte{
		"a failure of 4 EB": binary.AppendUvarint(nil, 1<<62),
		"4 EB of notes":     binary.AppendUvarint([]byte{0}, 1<<62),
		"4 EB of rows":      binary.AppendUvarint([]byte{0, 0}, 1<<62),
		"4 EB of values":    binary.AppendUvarint([]byte{0, 0, 1, 0}, 1<<62), // 0 bytes in 64 bits
		"a value too many":  {0, 0, 1, 0, 2, 1, 2, 3, 4, 5, 6, 7},
		"an endless length": bytes.Repeat([]byte{0xff}, 20),
		"no rows":           {0, 0},
	} {
		cases[name] = k.seal(append([]byte(magic), tail...))
	}
	for i := range sound {
		for _, flip := range []byte{1, 0x80, 0xff} {
			b := slices.Clone(sound)
			b[i] ^= flip
			cases[fmt.Sprintf("byte %d ^ %x", i, flip)] = b
		}
		cases[fmt.Sprintf("%d bytes", i)] = sound[:i]
	}
	for name, b := range cases {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		_, ok := c.Get(k)
		require.False(t, ok, name)
		require.NoFileExists(t, path, name)
	}
	assert.Equal(t, int64(len(cases)), c.Stats().Damaged)
	require.NoError(t, c.Put(k, e))
	_, ok := c.Get(k)
	assert.True(t, ok)
}

// Only a regular file of a fitting size is read, and nothing is waited for.
func TestObstacles(t *testing.T) {
	c := open(t)
	k := key(1)
	path := filepath.Join(c.dir, k.file())
	require.NoError(t, c.Put(k, small(1)))
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, encodeEntry(k, small(1)), 0o600))
	for name, place := range map[string]func() error{
		"a folder":         func() error { return os.Mkdir(path, 0o700) },
		"a pipe":           func() error { return mkfifo(path) },
		"a hole of 1 TB":   func() error { return os.WriteFile(path, nil, 0o600) },
		"a link elsewhere": func() error { return os.Symlink(outside, path) },
	} {
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, place(), name)
		if name == "a hole of 1 TB" {
			require.NoError(t, os.Truncate(path, 1<<40))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, ok := c.Get(k)
		runtime.ReadMemStats(&after)
		assert.False(t, ok, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), name)
		require.NoError(t, c.Put(k, small(1)), name)
		_, ok = c.Get(k)
		assert.True(t, ok, name)
	}
	assert.FileExists(t, outside)
}

// FuzzEntry tests that nothing panics, that no entry is larger than its file, and that
// an entry is read and written without a change.
func FuzzEntry(f *testing.F) {
	for _, e := range oddities {
		b := encodeEntry(Key{}, e)
		f.Add(b[len(magic):len(b)-checkBytes], true)
		f.Add(b, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, body bool) {
		if body { // past the checksum, which no fuzzer finds
			b = Key{}.seal(append([]byte(magic), b...))
		}
		e, err := decodeEntry(b, Key{})
		if err != nil {
			require.Nil(t, e)
			return
		}
		size := len(e.Failure) + 2*len(e.Rows) + len(e.Notes)
		for _, r := range e.Rows {
			size += len(r.Part) + 4*len(r.Values)
		}
		require.LessOrEqual(t, size, len(b))
		again, err := decodeEntry(encodeEntry(Key{}, e), Key{})
		require.NoError(t, err)
		require.Equal(t, bits(e), bits(again))
	})
}

func TestTooLarge(t *testing.T) {
	c := bounded(t, 8<<20)
	fits := &Entry{Rows: []Row{{"x", make([]float32, 1<<18-100)}}}
	require.NoError(t, c.Put(key(1), fits))
	for i, e := range []*Entry{
		{Rows: []Row{{"x", make([]float32, 1<<18)}}}, // an eighth and some bytes
		{Rows: []Row{{"x", make([]float32, maxFile/4)}}},
		{Rows: make([]Row, maxItems+1)},
		{Notes: make([]string, maxItems+1)},
	} {
		require.NoError(t, c.Put(key(2+i), e))
	}
	assert.Equal(t, 1, stored(t, c))
	_, ok := c.Get(key(1))
	assert.True(t, ok)
}
