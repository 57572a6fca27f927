// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Key identifies an entry: what it is made of, and how.
type Key struct {
	Feature string   // such as "emotion.logmel"
	Version int      // of the code that makes the feature
	Content [32]byte // SHA-256 of the file, see [Cache.Hash]
}

// Entry holds what was made of a file. Empty slices come back as nil; all else
// comes back as it was stored, bit for bit.
type Entry struct {
	Rows  []Row
	Notes []string // what the decoder passed over
	// Failure, unless it is empty, is why there are no features. The content may
	// stand under other names too, so the text must not hold the path.
	Failure string
}

// Row is one part of a feature. Rows may differ in their lengths.
type Row struct {
	Part   string
	Values []float32
}

// An entry is:
//
//	"EtFE"; failure; notes; rows, each a part and its values as float32, little-endian;
//	16 bytes of the SHA-256 of the key and of all before
//
// A text, a list and values begin with their length, a uvarint.
//
// A segment is a list of groups: a page of slots, then the entry of each slot, one after
// the other. A slot is the [id] of an entry and its length, a little-endian uint32, and is
// written after the entry; a slot of zeros ends the segment. The format's version is part
// of the names: programs of different versions do not read each other's segments.
const (
	segmentPrefix = "v3-"
	segmentSuffix = ".features"

	idBytes   = 16
	slotBytes = idBytes + 4
	pageSlots = 128
	pageBytes = pageSlots * slotBytes

	magic      = "EtFE"
	checkBytes = 16

	// maxEntry is the size of the largest entry that is written, or read.
	maxEntry = 64 << 20
	// maxItems is how many rows or notes an entry may have. In memory a row takes
	// twenty times what an empty one takes on the disk.
	maxItems = 1 << 20
)

var errFormat = errors.New("it is damaged, or is not an entry of this key")

// id stands for a key in a slot. Its last byte is 1 for the hash of a file, else 0.
type id [idBytes]byte

func (k Key) id() id {
	sum := k.sum(nil)
	i := id(sum[:idBytes])
	i[idBytes-1] = 0
	if k.Feature == hashFeature {
		i[idBytes-1] = 1
	}
	return i
}

// sum returns the SHA-256 of a key and of what belongs to it.
func (k Key) sum(of []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(binary.AppendUvarint(nil, uint64(len(k.Feature))))
	h.Write([]byte(k.Feature))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(k.Version)))
	h.Write(k.Content[:])
	h.Write(of)
	return [sha256.Size]byte(h.Sum(nil))
}

// seal ends an entry with its checksum.
func (k Key) seal(b []byte) []byte {
	sum := k.sum(b)
	return append(b, sum[:checkBytes]...)
}

// encodeEntry returns nil for an entry with too many parts.
func encodeEntry(k Key, e *Entry) []byte {
	if len(e.Rows) > maxItems || len(e.Notes) > maxItems {
		return nil
	}
	b := appendText([]byte(magic), e.Failure)
	b = binary.AppendUvarint(b, uint64(len(e.Notes)))
	for _, n := range e.Notes {
		b = appendText(b, n)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Rows)))
	for _, r := range e.Rows {
		b = appendText(b, r.Part)
		b = binary.AppendUvarint(b, uint64(len(r.Values)))
		for _, v := range r.Values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return k.seal(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeEntry refuses whatever encodeEntry has not made for just this key.
func decodeEntry(b []byte, k Key) (*Entry, error) {
	end := max(0, len(b)-checkBytes)
	r := reader{b: b[:end]}
	if sum := k.sum(r.b); string(sum[:checkBytes]) != string(b[end:]) || string(r.take(len(magic))) != magic {
		return nil, errFormat
	}
	e := &Entry{Failure: r.text()}
	for range r.count(1, maxItems) {
		e.Notes = append(e.Notes, r.text())
	}
	rows := r.count(2, maxItems)
	// One piece of memory for all values: what is left holds them, and little else.
	values := make([]float32, 0, len(r.b)/4)
	for range rows {
		row := Row{Part: r.text()}
		data := r.take(4 * r.count(4, maxEntry))
		start := len(values)
		for ; len(data) > 0; data = data[4:] {
			values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
		if len(values) > start {
			row.Values = values[start:len(values):len(values)]
		}
		e.Rows = append(e.Rows, row)
	}
	if r.bad || len(r.b) > 0 {
		return nil, errFormat
	}
	return e, nil
}

// reader takes an entry apart. After the first fault all values are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

// count reads the length of a list of at most so many items, which take at least so many
// bytes each.
func (r *reader) count(itemBytes, most int) int {
	n, used := binary.Uvarint(r.b)
	if used <= 0 || n > uint64(min(most, (len(r.b)-used)/itemBytes)) {
		r.take(-1)
		return 0
	}
	r.take(used)
	return int(n)
}

func (r *reader) text() string { return string(r.take(r.count(1, maxEntry))) }

// hashFeature is the feature of the entries that hold the content hash of a file.
const hashFeature = "file.hash"

// identity holds what the system knows about a file: device, inode, size, then mtime and
// ctime in nanoseconds since 1970. Whoever writes to a file changes its ctime, which
// no program can set back; only writing through a mapping that was written to before
// may go unseen until the system writes the page out.
type identity [5]uint64

// key identifies the entry of a file's hash. Of two machines, each may have another file
// with the same numbers.
func (i identity) key() Key {
	b := slices.Clone(system)
	for _, v := range i {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return Key{Feature: hashFeature, Content: sha256.Sum256(b)}
}
