// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
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
	Seconds float64 // that making the entry took
}

// Row is one part of a feature. Rows may differ in their lengths.
type Row struct {
	Part   string
	Values []float32
}

// A file holds, all little-endian:
//
//	"EtFE"; the key (feature, version as int64, 32 bytes); seconds as float64;
//	failure; notes; rows, each a part and its values as float32;
//	16 bytes of the SHA-256 of all before
//
// A text, a list and values begin with their length, a uvarint. The format's version
// is part of the names, see [Key.file]: programs of different versions do not meet
// each other's files.
const (
	entrySuffix = ".features"
	hashSuffix  = ".hash"

	formatVersion = 1
	magic         = "EtFE"
	checkBytes    = 16

	// maxFile is the size of the largest file that is written, or read.
	maxFile = 64 << 20
	// maxItems is how many rows or notes an entry may have. In memory a row takes
	// twenty times what an empty one takes in a file.
	maxItems = 1 << 20
)

var errFormat = errors.New("the file is damaged, or is not an entry of this key")

// file returns the path of a key's entry in the folder.
func (k Key) file() string {
	suffix := entrySuffix
	if k.Feature == hashFeature {
		suffix = hashSuffix
	}
	sum := sha256.Sum256(appendKey([]byte{'E', formatVersion}, k))
	return hex.EncodeToString(sum[:1]) + "/" + hex.EncodeToString(sum[1:]) + suffix
}

// seal ends a file with its checksum.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:checkBytes]...)
}

// encodeEntry returns nil for an entry with too many parts.
func encodeEntry(k Key, e *Entry) []byte {
	if len(e.Rows) > maxItems || len(e.Notes) > maxItems {
		return nil
	}
	b := appendKey([]byte(magic), k)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.Seconds))
	b = appendText(b, e.Failure)
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
	return seal(b)
}

func appendKey(b []byte, k Key) []byte {
	b = appendText(b, k.Feature)
	b = binary.LittleEndian.AppendUint64(b, uint64(k.Version))
	return append(b, k.Content[:]...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeEntry refuses whatever encodeEntry has not made for just this key.
func decodeEntry(b []byte, k Key) (*Entry, error) {
	end := max(0, len(b)-checkBytes)
	r := reader{b: b[:end]}
	if sum := sha256.Sum256(r.b); string(sum[:checkBytes]) != string(b[end:]) || string(r.take(len(magic))) != magic {
		return nil, errFormat
	}
	e := &Entry{}
	own := Key{Feature: r.text(), Version: int(r.uint64())}
	copy(own.Content[:], r.take(len(own.Content)))
	e.Seconds = math.Float64frombits(r.uint64())
	e.Failure = r.text()
	for range r.count(1, maxItems) {
		e.Notes = append(e.Notes, r.text())
	}
	rows := r.count(2, maxItems)
	// One piece of memory for all values: what is left holds them, and little else.
	values := make([]float32, 0, len(r.b)/4)
	for range rows {
		row := Row{Part: r.text()}
		data := r.take(4 * r.count(4, maxFile))
		start := len(values)
		for ; len(data) > 0; data = data[4:] {
			values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
		if len(values) > start {
			row.Values = values[start:len(values):len(values)]
		}
		e.Rows = append(e.Rows, row)
	}
	if r.bad || len(r.b) > 0 || own != k {
		return nil, errFormat
	}
	return e, nil
}

// reader takes a file apart. After the first fault all values are zero.
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

func (r *reader) text() string { return string(r.take(r.count(1, maxFile))) }

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// hashFeature is the feature of the entries that hold the content hash of a file.
const hashFeature = "file.hash"

// identity holds what the system knows about a file: device, inode, size, then mtime and
// ctime in nanoseconds since 1970. Whoever writes to a file changes its ctime, which
// no program can set back; only writing through a mapping that was written to before
// may go unseen until the system writes the page out.
type identity [5]uint64

func (i identity) bytes() []byte {
	var b []byte
	for _, v := range i {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// key identifies the entry of a file's hash by device and inode. The other fields are
// compared, so that a file that changed takes the place of its past.
func (i identity) key() Key {
	return Key{Feature: hashFeature, Content: sha256.Sum256(i.bytes()[:16])}
}
