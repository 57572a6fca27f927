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

// A file is a frame round a body, all little-endian:
//
//	"EtF" and a byte for the kind; the body; 16 bytes of the SHA-256 of all before
//
// The body of an entry: the key (feature, version as int64, 32 bytes), seconds as
// float64, failure, notes, rows; a row is its part and its values as float32. A
// text, a list and values begin with their length, a uvarint.
//
// The body of a hash: the identity of a file as five int64, then 32 bytes.
//
// The format's version is part of the names, see [Key.file]: programs of
// different versions do not meet each other's files.
const (
	entrySuffix = ".features"
	hashSuffix  = ".hash"

	formatVersion = 1
	kindEntry     = 'E'
	kindHash      = 'H'
	magic         = "EtF"
	checkBytes    = 16
	frameBytes    = len(magic) + 1 + checkBytes

	// maxFile is the size of the largest file that is written, or read.
	maxFile = 64 << 20
	// maxItems is how many rows or notes an entry may have. In memory a row takes
	// twenty times what an empty one takes in a file.
	maxItems = 1 << 20
)

var errFormat = errors.New("it is damaged, or none of ours")

// file returns the path of a key's entry in the folder.
func (k Key) file() string {
	return filePath(appendKey([]byte{kindEntry, formatVersion}, k), entrySuffix)
}

// file returns the path of a file's hash in the folder.
func (i identity) file() string {
	b := []byte{kindHash, formatVersion}
	for _, v := range i[:identityName] {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return filePath(b, hashSuffix)
}

func filePath(id []byte, suffix string) string {
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:1]) + "/" + hex.EncodeToString(sum[1:]) + suffix
}

// frame begins a file.
func frame(kind byte) []byte { return append([]byte(magic), kind) }

// seal ends a file with its checksum.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:checkBytes]...)
}

// unseal returns the body of a file.
func unseal(b []byte, kind byte) ([]byte, error) {
	if len(b) < frameBytes || string(b[:len(magic)]) != magic || b[len(magic)] != kind {
		return nil, errFormat
	}
	end := len(b) - checkBytes
	if sum := sha256.Sum256(b[:end]); string(sum[:checkBytes]) != string(b[end:]) {
		return nil, errFormat
	}
	return b[len(magic)+1 : end], nil
}

// encodeEntry returns nil for an entry with too many parts.
func encodeEntry(k Key, e *Entry) []byte {
	if len(e.Rows) > maxItems || len(e.Notes) > maxItems {
		return nil
	}
	b := appendKey(frame(kindEntry), k)
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
	body, err := unseal(b, kindEntry)
	if err != nil {
		return nil, err
	}
	r := reader{b: body}
	e := &Entry{}
	own := Key{Feature: r.text(), Version: int(r.uint64()), Content: r.sum()}
	e.Seconds = math.Float64frombits(r.uint64())
	e.Failure = r.text()
	for range r.items(1) {
		e.Notes = append(e.Notes, r.text())
	}
	rows := r.items(2)
	// One piece of memory for all values: what is left holds them, and little else.
	values := make([]float32, 0, len(r.b)/4)
	for range rows {
		row := Row{Part: r.text()}
		data := r.take(4 * r.count(4))
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

// encodeHash makes the file that holds the content hash of another.
func encodeHash(id identity, sum [32]byte) []byte {
	b := frame(kindHash)
	for _, v := range id {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return seal(append(b, sum[:]...))
}

// decodeHash reports whether the hash belongs to just this state of the file.
func decodeHash(b []byte, id identity) (sum [32]byte, same bool, err error) {
	body, err := unseal(b, kindHash)
	if err != nil {
		return sum, false, err
	}
	r := reader{b: body}
	same = true
	for i, v := range id {
		got := r.uint64()
		if i < identityName && got != v {
			return sum, false, errFormat // it stands under a wrong name
		}
		same = same && got == v
	}
	sum = r.sum()
	if r.bad || len(r.b) > 0 {
		return sum, false, errFormat
	}
	return sum, same, nil
}

// reader takes a body apart. After the first fault all values are zero.
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

// count reads the length of a list whose items take at least so many bytes each.
func (r *reader) count(itemBytes int) int {
	n, used := binary.Uvarint(r.b)
	if used <= 0 || n > uint64(len(r.b)-used)/uint64(itemBytes) {
		r.take(-1)
		return 0
	}
	r.b = r.b[used:]
	return int(n)
}

// items reads a length as count does, for items that take more memory than room in a file.
func (r *reader) items(itemBytes int) int {
	n := r.count(itemBytes)
	if n > maxItems {
		r.take(-1)
		return 0
	}
	return n
}

func (r *reader) text() string { return string(r.take(r.count(1))) }

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) sum() (sum [32]byte) {
	copy(sum[:], r.take(len(sum)))
	return sum
}
