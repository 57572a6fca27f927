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
	"strings"
)

// alignment of every record's bytes in the file: mmap=True needs it.
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

// Write counts what goes into the file.
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
	le := binary.LittleEndian
	h := le.AppendUint32(nil, 0x04034b50)
	h = le.AppendUint16(h, 0) // version needed
	h = le.AppendUint16(h, flags)
	h = append(h, make([]byte, 2+4+4+4+4)...) // stored, no time, no checksum, no sizes
	h = le.AppendUint16(h, uint16(len(full)))
	h = le.AppendUint16(h, uint16(len(extra)))
	h = append(h, full...)
	if _, err := a.Write(append(h, extra...)); err != nil {
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
		d := le.AppendUint32(nil, 0x08074b50)
		d = le.AppendUint32(d, sum.Sum32())
		if zip64 != nil {
			d = le.AppendUint64(le.AppendUint64(d, size), size)
		} else {
			d = le.AppendUint32(le.AppendUint32(d, uint32(size)), uint32(size))
		}
		if _, err := a.Write(d); err != nil {
			return err
		}
	}

	c := le.AppendUint32(a.central, 0x02014b50)
	c = le.AppendUint16(c, 0) // made by
	c = le.AppendUint16(c, 0) // version needed
	c = le.AppendUint16(c, flags)
	c = append(c, make([]byte, 2+4)...) // stored, no time
	c = le.AppendUint32(c, sum.Sum32())
	c = le.AppendUint32(c, uint32(min(size, maxUint32)))
	c = le.AppendUint32(c, uint32(min(size, maxUint32)))
	c = le.AppendUint16(c, uint16(len(full)))
	c = le.AppendUint16(c, uint16(len(zip64)))
	c = append(c, make([]byte, 2+2+2+4)...) // comment, disk, attributes
	c = le.AppendUint32(c, uint32(min(start, maxUint32)))
	c = append(c, full...)
	a.central = append(c, zip64...)

	a.records++
	a.names.Write([]byte(name + "\n"))
	a.sums.Write(le.AppendUint32(nil, sum.Sum32()))
	return nil
}

func (a *archiveWriter) text(name, text string) error {
	return a.record(name, uint64(len(text)), func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// zip64Extra holds what does not fit into 32 bits; nil when everything does.
func zip64Extra(size, start uint64) []byte {
	var fields []byte
	if size >= maxUint32 {
		fields = binary.LittleEndian.AppendUint64(fields, size)
		fields = binary.LittleEndian.AppendUint64(fields, size)
	}
	if start >= maxUint32 {
		fields = binary.LittleEndian.AppendUint64(fields, start)
	}
	if fields == nil {
		return nil
	}
	b := binary.LittleEndian.AppendUint16(nil, 1)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(fields)))
	return append(b, fields...)
}

// padding is the extra field that aligns the data of a record whose header
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
	// PyTorch's readers only compare it; ours are other hashes of the same things.
	id := fmt.Sprintf("%020d%020d", a.names.Sum64(), a.sums.Sum64())
	if err := a.text(".data/serialization_id", id); err != nil {
		return err
	}
	start, n, size := a.offset, uint64(a.records), uint64(len(a.central))
	le := binary.LittleEndian
	e := le.AppendUint32(a.central, 0x06064b50) // zip64 end of the directory
	e = le.AppendUint64(e, 44)
	e = le.AppendUint16(e, 0x031e)
	e = le.AppendUint16(e, 45)
	e = append(e, make([]byte, 4+4)...) // disks
	for _, v := range []uint64{n, n, size, start} {
		e = le.AppendUint64(e, v)
	}
	e = le.AppendUint32(e, 0x07064b50) // where that is
	e = le.AppendUint32(e, 0)
	e = le.AppendUint64(e, start+size)
	e = le.AppendUint32(e, 1)
	e = le.AppendUint32(e, 0x06054b50) // end of the directory
	e = append(e, make([]byte, 2+2)...)
	e = le.AppendUint16(e, uint16(min(n, math.MaxUint16)))
	e = le.AppendUint16(e, uint16(min(n, math.MaxUint16)))
	e = le.AppendUint32(e, uint32(min(size, maxUint32)))
	e = le.AppendUint32(e, uint32(min(start, maxUint32)))
	e = le.AppendUint16(e, 0)
	if _, err := a.Write(e); err != nil {
		return err
	}
	return a.w.Flush()
}
