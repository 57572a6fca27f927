// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// input holds a pickle's bytes, which may be the beginning of something longer.
type input struct {
	data  []byte
	at    int       // the next byte
	rest  io.Reader // where data goes on, or nil
	limit int       // of data with rest
}

var errEnd = errors.New("ends in the middle")

// errLimit reports a pickle that goes on beyond the input's limit.
var errLimit = errors.New("is longer than what is read of a pickle")

// have makes sure that n more bytes are there.
func (in *input) have(n int) error {
	if n <= len(in.data)-in.at {
		return nil
	}
	if in.rest == nil {
		return errEnd
	}
	if n > in.limit-in.at {
		return errLimit
	}
	// Doubling keeps the copies few, and the memory in proportion to the data.
	for n > len(in.data)-in.at {
		old := len(in.data)
		grow := min(max(old, 1<<12), in.limit-old)
		in.data = append(in.data, make([]byte, grow)...)
		k, err := io.ReadFull(in.rest, in.data[old:])
		in.data = in.data[:old+k]
		if err != nil && n > len(in.data)-in.at {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errEnd
			}
			return err
		}
	}
	return nil
}

func (in *input) take(n int) []byte {
	fail.On(in.have(n))
	b := in.data[in.at : in.at+n]
	in.at += n
	return b
}

// number reads n bytes, at most 8, little-endian.
func (in *input) number(n int) uint64 {
	var word [8]byte
	copy(word[:], in.take(n))
	return binary.LittleEndian.Uint64(word[:])
}

// sized reads bytes after their number, which takes n bytes. They are valid
// until the next call.
func (in *input) sized(n int) []byte {
	size := in.number(n)
	if size > 1<<48 {
		fail.On(errEnd)
	}
	return in.take(int(size))
}

// line reads at most limit bytes up to a line's end, which is not among them. They
// are valid until the next call.
func (in *input) line(limit int) []byte { return in.lineOr(limit, errors.New("a line without an end")) }

func (in *input) lineOr(limit int, without error) []byte {
	for n := 0; n <= limit; {
		rest := in.data[in.at+n:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 && n+i <= limit {
			b := in.data[in.at : in.at+n+i]
			in.at += n + i + 1
			return b
		}
		n += len(rest)
		if err := in.have(n + 1); errors.Is(err, errEnd) {
			break
		} else {
			fail.On(err)
		}
	}
	fail.On(without)
	return nil
}

// longestName is the longest name of a module, a class or a function.
const longestName = 1000

var errName = errors.New("a name without an end")

func (in *input) name() string {
	b := in.lineOr(longestName, errName)
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		fail.With("a name that is not UTF-8")
	}
	return string(b)
}
