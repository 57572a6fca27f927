// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// file makes a file of a header and n bytes of elements.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func TestHostileFiles(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	_, err := readHeader(bytes.NewReader(file("{"+a+"}  ", 8)), int64(len(file("{"+a+"}  ", 8))))
	require.NoError(t, err, "what the cases below break is whole")
	one := func(s string) []byte { return file("{"+s+"}", 8) }
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":              {nil, "it has 0 bytes, not even a header's length"},
		"seven bytes":        {make([]byte, 7), "it has 7 bytes"},
		"no header":          {file("", 0), "its header does not begin with {"},
		"zip":                {[]byte("PK\x03\x04\x00\x00\x00\x00"), "it is a zip archive"},
		"huge header":        {append([]byte("\x00\xe1\xf5\x06\x00\x00\x00\x00"), 0), "its header is said to have 116777216 bytes, above the limit of 100000000"},
		"negative header":    {bytes.Repeat([]byte{0xff}, 9), "above the limit"},
		"cut header":         {one(a)[:30], "but the file only 30: it is cut short"},
		"not UTF-8":          {one("\"\xff\":1"), "its header is not UTF-8"},
		"space in front":     {file(" {"+a+"}", 8), "does not begin with {"},
		"list":               {file("[]", 0), "does not begin with {"},
		"cut JSON":           {file("{"+a, 8), "ends in the middle"},
		"more JSON":          {file("{"+a+"}{}", 8), `"{}" follows it`},
		"tab behind":         {file("{"+a+"}\t", 8), "follows it"},
		"twice":              {one(a + "," + a), `the key "a" is there twice`},
		"twice, escaped":     {one(a + "," + strings.Replace(a, `"a"`, `"\u0061"`, 1)), `the key "a" is there twice`},
		"dtype twice":        {one(`"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}`), `"dtype" is there twice`},
		"metadata twice":     {one(`"__metadata__":{},"__metadata__":{},` + a), `"__metadata__" is there twice`},
		"metadata of number": {one(`"__metadata__":{"a":1},` + a), `__metadata__["a"] is 1, not a text`},
		"metadata a list":    {one(`"__metadata__":[],` + a), "[ stands where { should"},
		"metadata nested":    {one(`"__metadata__":{"a":{}},` + a), "is {, not a text"},
		"unknown key":        {one(`"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}`), `the key "x" is not known`},
		"no dtype":           {one(`"a":{"shape":[2],"data_offsets":[0,8]}`), "needs dtype, shape and two data_offsets"},
		"no offsets":         {one(`"a":{"dtype":"F32","shape":[2]}`), "needs dtype, shape and two data_offsets"},
		"one offset":         {one(`"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}`), "needs dtype, shape and two data_offsets"},
		"three offsets":      {one(`"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}`), "more than 2 numbers"},
		"a tensor a number":  {one(`"a":1`), `tensor "a": 1 stands where { should`},
		"null":               {one(`"a":null`), "<nil> stands where { should"},
		"dtype unknown":      {one(`"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}`), `the type "F4" is not read`},
		"dtype a number":     {one(`"a":{"dtype":1,"shape":[2],"data_offsets":[0,8]}`), `the type "1" is not read`},
		"negative shape":     {one(`"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}`), "-2 stands where a whole number from 0 should"},
		"fraction":           {one(`"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}`), "2.0 stands where a whole number"},
		"exponent":           {one(`"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}`), "2e0 stands where a whole number"},
		"beyond 64 bits":     {one(`"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}`), "stands where a whole number"},
		"shape a text":       {one(`"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}`), "2 stands where a whole number"},
		"shape overflows":    {one(`"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}`), "is too large"},
		"65 dimensions":      {one(`"a":{"dtype":"F32","shape":[` + strings.Repeat("1,", 64) + `1],"data_offsets":[0,4]}`), "more than 64 numbers"},
		"too few bytes":      {one(`"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}`), "F32 of the shape [3] has 12 bytes, but the offsets [0 8]"},
		"backwards":          {one(`"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}`), "has 8 bytes, but the offsets [8 0]"},
		"overlap":            {one(a + `,"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`), `tensor "b" begins at 4, inside the one before, which ends at 8`},
		"the same":           {one(a + `,"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`), `inside the one before`},
		"hole":               {file(`{`+a+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), `tensor "b" begins at 12, after a hole from 8 on`},
		"hole in front":      {one(`"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`), "after a hole from 0 on"},
		"beyond the end":     {file("{"+a+"}", 7), `tensor "a" ends at 8, beyond the 7 bytes that follow the header`},
		"far beyond":         {one(`"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}`), "beyond the 8 bytes"},
		"more bytes":         {file("{"+a+"}", 9), "1 bytes follow the last tensor"},
		"no tensors":         {file("{}", 1), "1 bytes follow the last tensor"},
		"empty elsewhere":    {one(a + `,"b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}`), "inside the one before"},
		"deep":               {one(`"a":` + strings.Repeat("[", 100000)), "stands where { should"},
	} {
		path := filepath.Join(t.TempDir(), "a.safetensors")
		require.NoError(t, os.WriteFile(path, c.file, 0o666))
		_, err := ReadHeader(path)
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), c.want, name)
			assert.True(t, strings.HasPrefix(err.Error(), "safetensors: cannot read "+path+": "), err)
			assert.Less(t, len(err.Error()), 1000)
		}
		_, err = Load(path, torch.CPU)
		assert.Error(t, err, name)
		_, err = Inspect(t.Context(), path)
		assert.Error(t, err, name)
	}
	_, err = Load(t.TempDir(), torch.CPU)
	assert.ErrorContains(t, err, "it is not a regular file")
	_, err = ReadHeader("testdata/none")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// FuzzRead reads damaged files. What is read nevertheless can be written again.
func FuzzRead(f *testing.F) {
	torchtest.Need(f)
	b, err := os.ReadFile(goldenFile)
	require.NoError(f, err)
	f.Add(b)
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"__metadata__":{"k":"v"},"e":{"dtype":"I64","shape":[0,3],"data_offsets":[0,0]}}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

// FuzzHeader reads files whose header's length is right.
func FuzzHeader(f *testing.F) {
	torchtest.Need(f)
	f.Add(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	f.Add(`{"__metadata__":{"k":"v"},"e":{"dtype":"I64","shape":[0,3],"data_offsets":[0,0]},"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}`, 2)
	f.Fuzz(func(t *testing.T, header string, n int) { check(t, file(header, max(0, min(n, 1000)))) })
}

func check(t *testing.T, b []byte) {
	h, err := readHeader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	d, err := h.read(bytes.NewReader(b), torch.CPU)
	require.NoError(t, err)
	if d.Len() != len(h.Tensors) {
		t.Fatal("tensors lost")
	}
	var again bytes.Buffer
	require.NoError(t, Write(&again, d, h.Metadata))
	second, err := readHeader(bytes.NewReader(again.Bytes()), int64(again.Len()))
	require.NoError(t, err)
	require.Equal(t, h.Metadata, second.Metadata)
	require.Len(t, second.Tensors, d.Len())
	for _, v := range d.All() {
		v.(*torch.Tensor).Close()
	}
}

// Random changes of a whole file give an error or a header, and no panic; and what
// is accepted, the standard decoder accepts too.
func TestMutations(t *testing.T) {
	whole, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	const syntax = `{}[]",:0123456789-eE\ ntf`
	for range 20_000 {
		b := bytes.Clone(whole)
		for range 1 + r.IntN(3) {
			at := r.IntN(min(len(b), 600))
			switch r.IntN(4) {
			case 0:
				b[at] = syntax[r.IntN(len(syntax))]
			case 1:
				b[at] ^= 1 << r.IntN(8)
			case 2:
				b = append(b[:at:at], b[at+r.IntN(len(b)-at):]...)
			default:
				n := r.IntN(min(40, len(b)-at))
				b = append(b[:at+n:at+n], b[at:]...)
			}
			if len(b) == 0 {
				break
			}
		}
		if _, err := readHeader(bytes.NewReader(b), int64(len(b))); err != nil {
			continue
		}
		accepted++
		n := binary.LittleEndian.Uint64(b)
		assert.True(t, json.Valid(b[8:8+n]), "%q", b[8:8+n])
	}
	assert.NotZero(t, accepted)
}

// A header of a million tensors is read in seconds. Its limit is 100 MB.
func TestManyTensors(t *testing.T) {
	const n = 200_000
	header := strings.Builder{}
	header.WriteByte('{')
	for i := range n {
		if i > 0 {
			header.WriteByte(',')
		}
		fmt.Fprintf(&header, `"t%d":{"dtype":"U8","shape":[],"data_offsets":[%d,%d]}`, i, i, i+1)
	}
	header.WriteByte('}')
	b := file(header.String(), n)
	h, err := readHeader(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.Len(t, h.Tensors, n)
	assert.Equal(t, "t199999", h.Tensors[n-1].Name)
}
