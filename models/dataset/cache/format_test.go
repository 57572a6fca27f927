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

// small is an entry of 30 bytes.
func small(i int) *Entry {
	return &Entry{Rows: []Row{{"x", []float32{float32(i)}}}}
}

// page is an entry of almost 1 block.
func page(i int) *Entry {
	return &Entry{Rows: []Row{{"x", slices.Repeat([]float32{float32(i), 1}, 500)}}}
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

// Each byte changed, each byte missing, one too many: a miss, and the entry can be stored
// again, for this process and others.
func TestDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "features")
	c := openAt(t, dir)
	k := key(1)
	e := &Entry{Rows: []Row{{"x", []float32{1, 2}}, {"y", nil}}, Notes: []string{"n"}, Failure: "f"}
	require.NoError(t, c.Put(k, e))
	require.NoError(t, c.Put(key(2), e))
	path := filepath.Join(dir, segments(t, c)[0])
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	body := encodeEntry(k, e)
	// with is a segment in which this stands for the entry.
	with := func(b []byte) []byte {
		slot := binary.LittleEndian.AppendUint32(sound[:idBytes:idBytes], uint32(len(b)))
		return slices.Concat(slot, make([]byte, pageBytes-slotBytes), b)
	}
	require.Equal(t, body, sound[pageBytes:][:len(body)])
	cases := map[string][]byte{
		"nothing":          nil,
		"one byte more":    with(append(slices.Clone(body), 0)),
		"twice":            with(append(slices.Clone(body), body...)),
		"another key":      with(encodeEntry(key(2), e)),
		"a hash":           with(encodeEntry(identity{}.key(), e)),
		"longer inside":    with(k.seal(append(slices.Clone(body[:len(body)-checkBytes]), 0))),
		"zeros":            with(make([]byte, len(body))),
		"4 GB in one slot": append(slices.Repeat([]byte{0xff}, pageBytes), body...),
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
		cases[name] = with(k.seal(append([]byte(magic), tail...)))
	}
	for i := range len(body) + slotBytes {
		at := i
		if i >= slotBytes {
			at += pageBytes - slotBytes
		}
		for _, flip := range []byte{1, 0x80, 0xff} {
			b := slices.Clone(sound)
			b[at] ^= flip
			cases[fmt.Sprintf("byte %d ^ %x", at, flip)] = b
		}
		cases[fmt.Sprintf("%d bytes", at)] = sound[:at]
	}
	for name, b := range cases {
		require.NoError(t, c.Clear())
		require.NoError(t, os.WriteFile(path, b, 0o600))
		c, err := Open(dir)
		require.NoError(t, err)
		_, ok := c.Get(k)
		require.False(t, ok, name)
		if c.Stats().Damaged > 0 {
			require.NoFileExists(t, path, name)
		}
		for i := range 2 {
			if got, ok := c.Get(key(2)); ok {
				require.Equal(t, bits(e), bits(got), name)
			}
			require.NoError(t, c.Put(k, e))
			require.NoError(t, c.Put(key(2), e))
			for _, k := range []Key{k, key(2)} {
				got, ok := c.Get(k)
				require.True(t, ok, "%s: %d", name, i)
				require.Equal(t, bits(e), bits(got), name)
			}
			require.NoError(t, c.Close())
			c, err = Open(dir)
			require.NoError(t, err)
		}
		require.NoError(t, c.Close())
	}
}

// Only a regular file of a fitting size is read, and nothing is waited for.
func TestObstacles(t *testing.T) {
	c := open(t)
	k := key(1)
	require.NoError(t, c.Put(k, small(1)))
	path := filepath.Join(c.dir, segments(t, c)[0])
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, sound, 0o600))
	inside := filepath.Join(c.dir, "00", "inside")
	require.NoError(t, os.Mkdir(filepath.Dir(inside), 0o700))
	require.NoError(t, os.WriteFile(inside, sound, 0o600))
	for name, place := range map[string]func() error{
		"a folder":         func() error { return os.Mkdir(path, 0o700) },
		"a pipe":           func() error { return mkfifo(path) },
		"a hole of 1 TB":   func() error { return os.WriteFile(path, nil, 0o600) },
		"a link elsewhere": func() error { return os.Symlink(outside, path) },
		"a link inside":    func() error { return os.Symlink("00/inside", path) },
		"a slot of 60 MB": func() error {
			return os.WriteFile(path, slices.Concat(sound[:idBytes], binary.LittleEndian.AppendUint32(nil, 60<<20), sound[slotBytes:]), 0o600)
		},
	} {
		require.NoError(t, c.Clear())
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, place(), name)
		if name == "a hole of 1 TB" {
			require.NoError(t, os.Truncate(path, 1<<40))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := openAt(t, c.dir)
		_, ok := c.Get(k)
		runtime.ReadMemStats(&after)
		assert.False(t, ok, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), name)
		require.NoError(t, c.Put(k, small(1)), name)
		_, ok = c.Get(k)
		assert.True(t, ok, name)
		_, ok = openAt(t, c.dir).Get(k)
		assert.True(t, ok, name)
	}
	for _, path := range []string{outside, inside} {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, sound, b)
	}
}

// FuzzEntry tests that nothing panics, that no entry is larger than its bytes, and that
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
		{Rows: []Row{{"x", make([]float32, maxEntry/4)}}},
		{Rows: make([]Row, maxItems+1)},
		{Notes: make([]string, maxItems+1)},
	} {
		require.NoError(t, c.Put(key(2+i), e))
	}
	assert.Equal(t, 1, stored(t, c), "one of an eighth is, though a segment has a 16th")
	_, ok := c.Get(key(1))
	assert.True(t, ok)
}
