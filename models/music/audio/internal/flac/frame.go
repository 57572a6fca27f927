// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package flac

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/etude-ml/etude/models/music/audio/internal/crc"
)

var (
	table8 = crc.Table[uint8](0x07)
	// tables16[i] is for a byte that i others follow.
	tables16 = func() (t [4][256]uint16) {
		t[0] = crc.Table[uint16](0x8005)
		for i := range t[0] {
			for k := 1; k < len(t); k++ {
				t[k][i] = t[k-1][i]<<8 ^ t[0][t[k-1][i]>>8]
			}
		}
		return t
	}()
)

// bitReader reads bits, most significant first. It keeps the first error and reads zeros
// from then on.
type bitReader struct {
	r   io.Reader
	buf []byte // what was read and is not used up
	at  int    // the bytes of buf before it are in the cache or used
	eof bool   // r has no more

	cache uint64 // begins with n unread bits; what follows them is buf's next bits or zeros
	n     int

	start int    // of the frame, or of what crc16 lacks of it
	crc16 uint16 // of the frame before start
	err   error
}

// used returns how many bytes of buf are used, of the last one at least a bit.
func (b *bitReader) used() int { return b.at - b.n/8 }

// begin starts a frame. The checksum of its header needs all its bytes in buf.
func (b *bitReader) begin() {
	if len(b.buf)-b.at < 32 {
		b.load()
	}
	b.start, b.crc16 = b.used(), 0
}

// more reports whether another byte follows. It keeps an error other than the end.
func (b *bitReader) more() bool { return b.used() < len(b.buf) || b.err != nil }

// align drops the rest of a byte.
func (b *bitReader) align() {
	b.cache <<= b.n % 8
	b.n -= b.n % 8
}

// sum returns the frame's CRC-16 up to here.
func (b *bitReader) sum() uint16 {
	used := b.used()
	x, sum := b.buf[b.start:used], b.crc16
	for ; len(x) >= 4; x = x[4:] { // four at a time do not wait for each other
		sum ^= uint16(x[0])<<8 | uint16(x[1])
		sum = tables16[3][sum>>8] ^ tables16[2][sum&0xff] ^ tables16[1][x[2]] ^ tables16[0][x[3]]
	}
	for _, c := range x {
		sum = sum<<8 ^ tables16[0][byte(sum>>8)^c]
	}
	b.start, b.crc16 = used, sum
	return sum
}

// load replaces the used bytes of buf.
func (b *bitReader) load() {
	if b.eof || b.err != nil {
		return
	}
	b.sum()
	used := b.used()
	rest := copy(b.buf, b.buf[used:])
	b.buf, b.at, b.start = b.buf[:cap(b.buf)], b.at-used, 0
	n, err := io.ReadFull(b.r, b.buf[rest:])
	b.buf = b.buf[:rest+n]
	if b.eof = err == io.EOF || err == io.ErrUnexpectedEOF; !b.eof {
		b.err = err
	}
}

// fill brings at least 57 bits into the cache, or all that are left.
func (b *bitReader) fill() {
	if len(b.buf)-b.at < 8 {
		b.load()
	}
	if rest := b.buf[b.at:]; len(rest) >= 8 {
		b.cache |= binary.BigEndian.Uint64(rest) >> b.n
		whole := (64 - b.n) / 8
		b.at += whole
		b.n += 8 * whole
		return
	}
	for ; b.n <= 56 && b.at < len(b.buf); b.at++ {
		b.cache |= uint64(b.buf[b.at]) << (56 - b.n)
		b.n += 8
	}
}

// read returns the next n bits, at most 33.
func (b *bitReader) read(n int) uint64 {
	if b.n < n {
		if b.fill(); b.n < n && b.err == nil {
			b.err = io.ErrUnexpectedEOF
		}
	}
	if b.err != nil {
		return 0
	}
	v := b.cache >> (64 - n)
	b.cache <<= n
	b.n -= n
	return v
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
		n := min(bits.LeadingZeros64(b.cache), b.n)
		zeros += uint64(n)
		if zeros > limit && b.err == nil {
			b.err = errRun
		}
		b.cache <<= n
		if b.n -= n; b.n > 0 || b.err != nil {
			break
		}
		if b.fill(); b.n == 0 && b.err == nil {
			b.err = io.ErrUnexpectedEOF
		}
	}
	b.read(1)
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
	// By eight, in the order of the samples and with zeros before them, this is faster.
	padded := make([]int64, (order+7)/8*8)
	for j, c := range coeffs {
		padded[len(padded)-1-j] = c
	}
	for i := order; i < len(x); i++ {
		var sum int64
		if i < len(padded) {
			for j, c := range coeffs {
				sum += c * x[i-1-j]
			}
		} else {
			past := x[i-len(padded) : i]
			for at := 0; at < len(padded); at += 8 {
				c, v := (*[8]int64)(padded[at:]), (*[8]int64)(past[at:])
				sum += c[0]*v[0] + c[1]*v[1] + c[2]*v[2] + c[3]*v[3] + c[4]*v[4] + c[5]*v[5] + c[6]*v[6] + c[7]*v[7]
			}
		}
		x[i] += sum >> (shift & 31)
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
		limit := uint64(math.MaxUint32 >> k)
		cache, n := r.cache, r.n // of a decoder's time, half is in this loop
		for ; at < end; at++ {
			if n < 32 {
				r.cache, r.n = cache, n
				r.fill()
				cache, n = r.cache, r.n
			}
			var v uint64
			q := uint64(bits.LeadingZeros64(cache))
			if size := int(q + 1 + k); size <= n && q <= limit {
				cache = cache << (q & 63) << 1 // masks spare the test for 64
				v = q<<(k&63) | cache>>1>>((63-k)&63)
				cache <<= k & 63
				n -= size
			} else {
				r.cache, r.n = cache, n
				v = r.unary(limit)<<k | r.read(int(k))
				cache, n = r.cache, r.n
			}
			x[at] = int64(v>>1) ^ -int64(v&1)
		}
		r.cache, r.n = cache, n
		if r.err != nil {
			return r.err
		}
	}
	return r.err
}
