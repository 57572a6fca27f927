// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"strings"
)

// alignment is that of every record's bytes in the file: mmap=True needs it.
const alignment = 64

const (
	localHeaderSize = 30
	maxUint32       = math.MaxUint32
)

// archiveWriter writes a zip file as PyTorch's does, field by field: nothing is
// compressed, sizes and checksum follow the data, and the extra field pads the
// header so that the data is aligned. torch.load(mmap=True) relies on it.
type archiveWriter struct {
	w       *bufio.Writer
	offset  uint64
	name    string // the folder that all records are in
	central []byte
	records int
	names   hash.Hash64
	sums    hash.Hash64
}

func newArchiveWriter(w io.Writer, name string) *archiveWriter {
	return &archiveWriter{w: bufio.NewWriterSize(w, 1<<16), name: name, names: fnv.New64a(), sums: fnv.New64a()}
}

// Write writes to the file and counts the bytes.
func (a *archiveWriter) Write(b []byte) (int, error) {
	n, err := a.w.Write(b)
	a.offset += uint64(n)
	return n, err
}

// record writes one record of size bytes, which write produces.
func (a *archiveWriter) record(name string, size uint64, write func(io.Writer) error) error {
	full := a.name + "/" + name
	start := a.offset
	flags := uint16(1 << 11) // names are UTF-8
	if size > 0 {
		flags |= 1 << 3 // checksum and sizes follow the data
	}
	zip64 := zip64Extra(size, start)
	extra := append(zip64, padding(start, len(full)+len(zip64))...)
	// The signature and the version needed; flags; stored, no time, no checksum, no sizes.
	header := little(nil, uint32(0x04034b50), uint16(0), flags, [18]byte{}, uint16(len(full)), uint16(len(extra)))
	if _, err := a.Write(slices.Concat(header, []byte(full), extra)); err != nil {
		return err
	}

	sum := crc32.NewIEEE()
	begin := a.offset
	if err := write(io.MultiWriter(a, sum)); err != nil {
		return err
	}
	if a.offset-begin != size {
		return fmt.Errorf("record %s has %d bytes, expected %d", name, a.offset-begin, size)
	}
	if size > 0 {
		d := little(nil, uint32(0x08074b50), sum.Sum32())
		if zip64 != nil {
			d = little(d, size, size)
		} else {
			d = little(d, uint32(size), uint32(size))
		}
		if _, err := a.Write(d); err != nil {
			return err
		}
	}

	// The signature, made by, the version needed; flags; stored, no time.
	c := little(a.central, uint32(0x02014b50), [4]byte{}, flags, [6]byte{}, sum.Sum32(), narrow(size), narrow(size))
	// After the lengths: comment, disk, attributes.
	c = little(c, uint16(len(full)), uint16(len(zip64)), [10]byte{}, narrow(start))
	a.central = append(append(c, full...), zip64...)

	a.records++
	a.names.Write([]byte(name + "\n"))
	a.sums.Write(little(nil, sum.Sum32()))
	return nil
}

// little appends numbers and arrays of bytes, little-endian.
func little(b []byte, values ...any) []byte {
	for _, v := range values {
		b, _ = binary.Append(b, binary.LittleEndian, v) // fails for values of no fixed size
	}
	return b
}

// narrow returns n for a field of 32 bits, or the number that refers to zip64's.
func narrow(n uint64) uint32 { return uint32(min(n, maxUint32)) }

func (a *archiveWriter) text(name, text string) error {
	return a.record(name, uint64(len(text)), func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// zip64Extra returns the extra field with the sizes and offsets that do not fit into
// 32 bits; nil when all do.
func zip64Extra(size, start uint64) []byte {
	var fields []byte
	if size >= maxUint32 {
		fields = little(fields, size, size)
	}
	if start >= maxUint32 {
		fields = little(fields, start)
	}
	if fields == nil {
		return nil
	}
	return little(nil, uint16(1), uint16(len(fields)), fields)
}

// padding returns the extra field that aligns the data of a record whose header
// begins at start and holds n more bytes of name and extra fields.
func padding(start uint64, n int) []byte {
	data := start + localHeaderSize + uint64(n) + 4
	pad := int((alignment - data%alignment) % alignment)
	return append([]byte{'F', 'B', byte(pad), byte(pad >> 8)}, strings.Repeat("Z", pad)...)
}

// close writes the last two records and the directory.
func (a *archiveWriter) close() error {
	if err := a.text("version", "3\n"); err != nil {
		return err
	}
	// PyTorch only compares the text, so it may be made of other hashes than PyTorch's.
	id := fmt.Sprintf("%020d%020d", a.names.Sum64(), a.sums.Sum64())
	if err := a.text(".data/serialization_id", id); err != nil {
		return err
	}
	start, n, size := a.offset, uint64(a.records), uint64(len(a.central))
	// The directory's end for zip64: the signature, its length, versions, disks.
	e := little(a.central, uint32(0x06064b50), uint64(44), uint16(0x031e), uint16(45), [8]byte{}, n, n, size, start)
	// The place of that: the signature, the disk, the offset, how many disks.
	e = little(e, uint32(0x07064b50), uint32(0), start+size, uint32(1))
	// The directory's end: the signature, disks, records, size, offset, comment.
	few := uint16(min(n, math.MaxUint16))
	e = little(e, uint32(0x06054b50), [4]byte{}, few, few, narrow(size), narrow(start), uint16(0))
	if _, err := a.Write(e); err != nil {
		return err
	}
	return a.w.Flush()
}
