// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package flac

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/etude-ml/etude/models/music/audio/internal/crc"
)

var (
	table8  = crc.Table[uint8](0x07)
	table16 = crc.Table[uint16](0x8005)
)

// bitReader reads bits, most significant first. It takes no byte from r before it is
// needed, so a frame's checksums cover exactly its bytes. It keeps the first error
// and reads zeros from then on.
type bitReader struct {
	r     *bufio.Reader
	cache uint64 // the low n bits are unread
	n     int
	crc8  byte
	crc16 uint16
	err   error
}

func (b *bitReader) reset() { b.n, b.crc8, b.crc16 = 0, 0, 0 }

// more reports whether another byte follows. It keeps an error other than the end.
func (b *bitReader) more() bool {
	_, err := b.r.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
		return true
	}
	return err == nil
}

func (b *bitReader) fill() bool {
	if b.err != nil {
		return false
	}
	c, err := b.r.ReadByte()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		b.err = err
		return false
	}
	b.cache = b.cache<<8 | uint64(c)
	b.n += 8
	b.crc8 = table8[b.crc8^c]
	b.crc16 = b.crc16<<8 ^ table16[byte(b.crc16>>8)^c]
	return true
}

// read returns the next n bits, at most 33.
func (b *bitReader) read(n int) uint64 {
	for b.n < n {
		if !b.fill() {
			return 0
		}
	}
	b.n -= n
	return b.cache >> b.n & (1<<n - 1)
}

// signed reads an n-bit number in two's complement.
func (b *bitReader) signed(n int) int64 {
	return int64(b.read(n)<<(64-n)) >> (64 - n)
}

var errRun = errors.New("residual: code longer than a sample can need")

// unary counts zeros up to the next one bit. More than limit is an error.
func (b *bitReader) unary(limit uint64) uint64 {
	var zeros uint64
	for {
		if rest := b.cache & (1<<b.n - 1); rest != 0 {
			left := bits.Len64(rest) - 1
			zeros += uint64(b.n - left - 1)
			b.n = left
			break
		}
		zeros += uint64(b.n)
		b.n = 0
		if zeros > limit || !b.fill() {
			break
		}
	}
	if zeros > limit && b.err == nil {
		b.err = errRun
	}
	return zeros
}

// fixedCoeffs are the predictors of fixed subframes by order.
var fixedCoeffs = [5][]int64{{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}}

// subframe decodes one channel of a frame into x.
func (r *bitReader) subframe(x []int64, bits int) error {
	if r.read(1) != 0 {
		return errors.New("subframe: reserved bit is set")
	}
	kind := int(r.read(6))
	wasted := 0
	if r.read(1) != 0 {
		wasted = int(r.unary(uint64(bits))) + 1
	}
	if r.err != nil {
		return r.err
	}
	if bits -= wasted; bits < 1 {
		return fmt.Errorf("subframe: %d wasted bits leave none", wasted)
	}
	var err error
	switch {
	case kind == 0:
		v := r.signed(bits)
		for i := range x {
			x[i] = v
		}
	case kind == 1:
		for i := range x {
			x[i] = r.signed(bits)
		}
	case kind >= 8 && kind <= 12:
		err = r.predicted(x, bits, kind-8, fixedCoeffs[kind-8])
	case kind >= 32:
		err = r.predicted(x, bits, kind-31, nil)
	default:
		err = fmt.Errorf("subframe: reserved type %d", kind)
	}
	if err == nil {
		err = r.err
	}
	if err != nil {
		return err
	}
	if wasted > 0 {
		for i := range x {
			x[i] <<= wasted
		}
	}
	return nil
}

// predicted decodes a subframe of warm-up samples and residuals. If coeffs is nil, it
// reads the coefficients from the stream.
func (r *bitReader) predicted(x []int64, bits, order int, coeffs []int64) error {
	if order > len(x) {
		return fmt.Errorf("subframe: predictor of order %d for %d samples", order, len(x))
	}
	for i := range order {
		x[i] = r.signed(bits)
	}
	shift := int64(0)
	if coeffs == nil {
		precision := int(r.read(4)) + 1
		shift = r.signed(5)
		if r.err == nil && (precision == 16 || shift < 0) {
			return fmt.Errorf("subframe: coefficients of %d bits shifted by %d", precision, shift)
		}
		coeffs = make([]int64, order)
		for i := range coeffs {
			coeffs[i] = r.signed(precision)
		}
	}
	if err := r.residuals(x, order); err != nil {
		return err
	}
	for i := order; i < len(x); i++ {
		var sum int64
		for j, c := range coeffs {
			sum += c * x[i-1-j]
		}
		x[i] += sum >> shift
		// A real encoder never exceeds 33 bits; damage would grow without end.
		if x[i] < -1<<34 || x[i] > 1<<34 {
			return errors.New("subframe: prediction overflows")
		}
	}
	return nil
}

// residuals reads Rice-coded values into x[order:].
func (r *bitReader) residuals(x []int64, order int) error {
	method := r.read(2)
	width, escape := 4, uint64(15)
	switch {
	case method == 1:
		width, escape = 5, 31
	case method > 1:
		return fmt.Errorf("residual: reserved method %d", method)
	}
	parts := 1 << r.read(4)
	size := len(x) / parts
	if r.err != nil {
		return r.err
	}
	if size*parts != len(x) || size < order {
		return fmt.Errorf("residual: %d partitions of a block of %d, order %d", parts, len(x), order)
	}
	at := order
	for p := range parts {
		end := (p + 1) * size
		k := r.read(width)
		if k == escape {
			n := int(r.read(5))
			for ; at < end; at++ {
				x[at] = r.signed(n)
			}
			continue
		}
		for ; at < end; at++ {
			q := r.unary(math.MaxUint32 >> k)
			v := q<<k | r.read(int(k))
			x[at] = int64(v>>1) ^ -int64(v&1)
		}
		if r.err != nil {
			return r.err
		}
	}
	return r.err
}
