// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// chunk is how much of a storage is held in Go's memory at a time. It is a
// multiple of every element's size.
const chunk = 4 << 20

// record locates the bytes of one entry in the file.
type record struct {
	name   string
	offset int64
	size   int64
	sum    uint32 // CRC-32; 0 where PyTorch did not compute it
}

// stream passes the record on in parts, each valid during its call, and checks the
// whole.
func (rec record) stream(r io.ReaderAt, use func(from int64, part []byte) error) error {
	var sum uint32
	buf := make([]byte, min(chunk, rec.size))
	for from := int64(0); from < rec.size; from += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), rec.size-from)]
		if k, err := r.ReadAt(part, rec.offset+from); k < len(part) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("record %q: %w", rec.name, err)
		}
		if rec.sum != 0 {
			sum = crc32.Update(sum, crc32.IEEETable, part)
		}
		if err := use(from, part); err != nil {
			return err
		}
	}
	if rec.sum != 0 && sum != rec.sum {
		return fmt.Errorf("record %q is damaged: its checksum is %08x, not %08x", rec.name, sum, rec.sum)
	}
	return nil
}
