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
	"runtime"
	"strings"
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
			e.Value(int64(x))
		case *big.Int:
			e.Value(x)
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
	e.List(2001, func(i int) { e.Value(string(rune('a' + i%700))) })
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
}

// Few bytes cannot make many values, whichever way they go about it.
func TestMemoryIsBounded(t *testing.T) {
	const memory, stack = "bytes make values of more than", "values are in no container"
	for opcodes, want := range map[string]string{
		"N": stack, "2": stack, "(": stack, "}": memory, "}a": memory, ")\x85a": memory,
	} {
		b := []byte("\x80\x04]")
		b = append(b, strings.Repeat(opcodes, 1<<23/len(opcodes))...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(b, nothing{})
		runtime.ReadMemStats(&after)
		require.ErrorContains(t, err, want, "%q", opcodes)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<30), "%q", opcodes)
	}
}

// Texts of the protocols 0 and 1, as Python 2 and 3 write them: pickle.dumps(x, 0).
func TestTextOpcodes(t *testing.T) {
	for text, want := range map[string]any{
		"I12\n.": 12, "I-7\n.": -7, "I00\n.": false, "I01\n.": true, "L5L\n.": 5, "L-5\n.": -5, "F0.1\n.": 0.1, "Finf\n.": math.Inf(1), "F1e400\n.": math.Inf(1),
		"S'a\\n\\'\\\\\\x41'\np0\n.": "a\n'\\A", "S\"it's\"\n.": "it's", "S'\\xff'\n.": []byte{0xff}, "S'\\xc3\\xa9'\n.": "é",
		"V\xe9\\u20ac\\U0001f600\\u005cu\np0\n.": "é€😀\\u", "V\\udce9\n.": "\xed\xb3\xa9",
		"L1208925819614629174706176L\n.": new(big.Int).Lsh(big.NewInt(1), 80),
		"(lp0\nI1\naI2\na.":              &List{[]any{1, 2}}, "(I1\nI2\nl.": &List{[]any{1, 2}},
		"(I1\nI2\ntp0\n.": &Tuple{[]any{1, 2}}, "(dp0\nS'a'\np1\nNs.": &Dict{Keys: []any{"a"}, Values: []any{nil}}, "(S'a'\nNd.": &Dict{Keys: []any{"a"}, Values: []any{nil}},
		"I1\np300\n0g300\n.": 1, "I1\nq\x000h\x00.": 1, "(I1\nI2\n1N.": nil, "I1\nI2\n0.": 1, "I1\n(0.": 1, "I3\n2\x86.": &Tuple{[]any{3, 3}},
		"(iA\nB\n.": &Tuple{[]any{"A.B"}}, "(cA\nB\nI1\no.": &Tuple{[]any{"A.B", 1}},
		"X\x03\x00\x00\x00\xed\xb3\xa9.": "\xed\xb3\xa9",
	} {
		got, err := Decode([]byte(text), anything{})
		require.NoError(t, err, "%q", text)
		assert.Equal(t, want, got, "%q", text)
	}
	for text, want := range map[string]string{
		"Ix\n.": "is not an int", "I1": "a line without an end", "F1x\n.": "is not a float", "S'a\n.": "without quotes", "S'\\q'\n.": "a broken escape", "S'\\x1'\n.": "a broken escape",
		"V\\u12\n.": "a broken escape", "V\\Uffffffff\n.": "a broken escape", "g1\n.": "refers to value 1", "px\n.": "invalid syntax", "I" + strings.Repeat("1", 1000) + "\n.": "a line without an end",
		"(o.": "takes a value that is not there", "0.": "takes a value that is not there", "1.": "takes a value that is not there", "Pa\n.": "PERSID",
		"X\x03\x00\x00\x00\xed\x30\xa9.": "not valid UTF-8", "\x80\x06N.": "protocol 6",
	} {
		_, err := Decode([]byte(text), anything{})
		assert.ErrorContains(t, err, want, "%q", text)
	}
	assert.Equal(t, `caf\udce9 é`, Visible("caf\xed\xb3\xa9 é"))
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
