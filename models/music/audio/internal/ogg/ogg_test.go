// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ogg

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// makePage returns a page of stream 1 with these sizes of segments and this body.
func makePage(flags byte, granule int64, number uint32, segments, body string) string {
	le := binary.LittleEndian
	b := append([]byte("OggS\x00"), flags)
	b = le.AppendUint64(b, uint64(granule))
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, number)
	b = append(b, 0, 0, 0, 0, byte(len(segments)))
	b = append(b, segments...)
	b = append(b, body...)
	le.PutUint32(b[22:], checksum(b))
	return string(b)
}

var first = makePage(flagFirst, 0, 0, "\x04", "head")

// all reads the packets behind the first, as "DATA@GRANULE", the last of a page
// marked by a full stop and the stream's end by an exclamation mark.
func all(t *testing.T, file string) (got []string) {
	o, head, err := Open(strings.NewReader(file), "he")
	require.NoError(t, err)
	require.Equal(t, "head", string(head))
	for {
		p, err := o.Next()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			return got
		}
		s := string(p.Data) + "@" + string(rune('0'+p.Granule))
		if p.LastHere {
			s += "."
		}
		if p.End {
			s += "!"
		}
		got = append(got, s)
	}
}

func TestPackets(t *testing.T) {
	long := strings.Repeat("x", 255)
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"two on a page": {first + makePage(0, 3, 1, "\x01\x02", "abb"), []string{"a@3", "bb@3."}},
		"empty":         {first + makePage(0, 3, 1, "\x00\x01", "a"), []string{"@3", "a@3."}},
		"255 bytes":     {first + makePage(0, 3, 1, "\xff\x00\x01", long+"a"), []string{long + "@3", "a@3."}},
		"over two pages": {first + makePage(0, 3, 1, "\x01\xff", "a"+long) + makePage(flagContinued, 5, 2, "\x01\x01", "bc"),
			[]string{"a@3.", long + "b@5", "c@5."}},
		"over three pages": {first + makePage(0, 3, 1, "\xff", long) + makePage(flagContinued, -1, 2, "\xff", long) + makePage(flagContinued, 5, 3, "\x01", "b"),
			[]string{long + long + "b@5."}},
		"end":                      {first + makePage(flagLast, 3, 1, "\x01\x01", "ab") + makePage(0, 4, 2, "\x01", "c"), []string{"a@3!", "b@3.!"}},
		"page lost in a packet":    {first + makePage(0, 3, 1, "\x01\xff", "a"+long) + makePage(flagContinued, 5, 3, "\x01\x01", "bc"), []string{"a@3.", "c@5."}},
		"end of a packet lost":     {first + makePage(0, 3, 1, "\x01\xff", "a"+long) + makePage(0, 5, 2, "\x01", "c"), []string{"a@3.", "c@5."}},
		"start of a packet lost":   {first + makePage(flagContinued, 5, 1, "\x01\x01", "bc"), []string{"c@5."}},
		"cut in a page":            {first + makePage(0, 3, 1, "\x01", "a") + makePage(0, 3, 2, "\x02", "bb")[:28], []string{"a@3."}},
		"damaged page":             {first + makePage(0, 3, 1, "\x01", "a")[:28] + "X" + makePage(0, 4, 2, "\x01", "b"), []string{"b@4."}},
		"another stream between":   {first + strings.Replace(makePage(0, 3, 1, "\x01", "a"), "\x01\x00\x00\x00", "\x02\x00\x00\x00", 1) + makePage(0, 4, 1, "\x01", "b"), []string{"b@4."}},
		"marker across the buffer": {first + strings.Repeat("-", maxPage-len(first)-2) + makePage(0, 4, 1, "\x01", "b"), []string{"b@4."}},
	} {
		assert.Equal(t, c.want, all(t, c.file), name)
	}
}

// A comment of megabytes is cut to MaxPacket, and the packets behind it are read.
func TestLongPacket(t *testing.T) {
	full := strings.Repeat("\xff", 255)
	body := strings.Repeat("x", 255*255)
	var file strings.Builder
	file.WriteString(first)
	for i := range 50 {
		flags := byte(flagContinued)
		if i == 0 {
			flags = 0
		}
		file.WriteString(makePage(flags, -1, uint32(1+i), full, body))
	}
	file.WriteString(makePage(flagContinued, 7, 51, "\x00\x01", "b"))
	o, _, err := Open(strings.NewReader(file.String()), "head")
	require.NoError(t, err)
	p, err := o.Next()
	require.NoError(t, err)
	assert.Len(t, p.Data, MaxPacket)
	assert.LessOrEqual(t, cap(o.part), 2*MaxPacket)
	p, err = o.Next()
	require.NoError(t, err)
	assert.Equal(t, "b", string(p.Data))
}

func TestHeads(t *testing.T) {
	other := strings.Replace(first, "head", "tail", 1)
	b := []byte(other)
	binary.LittleEndian.PutUint32(b[22:], checksum(b))
	assert.Equal(t, []string{"head", "tail"}, Heads(strings.NewReader(first+string(b)+makePage(0, 0, 1, "\x01", "x")+first)))
	assert.Empty(t, Heads(strings.NewReader("OggS")))
	assert.Len(t, Heads(strings.NewReader(strings.Repeat(first, 100))), maxHeads)
	_, _, err := Open(strings.NewReader(first), "tail")
	assert.ErrorIs(t, err, io.EOF)
}

// Reading a file with damage anywhere ends, within the time that reading the file takes;
// so does reading bytes that only look like pages.
func TestDamage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	good := []byte(first)
	for i := range 20 {
		good = append(good, makePage(byte(i%3), int64(i), uint32(1+i), "\x05\xff\x05", strings.Repeat("y", 265))...)
	}
	read := func(b []byte) (n int) {
		Heads(bytes.NewReader(b))
		o, _, err := Open(bytes.NewReader(b), "")
		for err == nil {
			_, err = o.Next()
			n++
		}
		return n
	}
	assert.Greater(t, read(good), 20)
	for range 500 {
		b := slices.Clone(good)
		for range 1 + random.IntN(30) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		read(b[:random.IntN(len(b)+1)])
	}
	// A page of the largest size is claimed every 282 bytes: each costs a checksum
	// of 65 kB, of which 64 are tried (measured: 20 ms).
	claim := "OggS" + strings.Repeat("\x00", 22) + strings.Repeat("\xff", 256)
	start := time.Now()
	assert.Zero(t, read([]byte(strings.Repeat(claim, 1<<16))))
	assert.Less(t, time.Since(start), 5*time.Second)
}
