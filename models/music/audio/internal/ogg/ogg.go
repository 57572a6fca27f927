// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package ogg reads the packets of one stream in an Ogg file (RFC 3533). It is made
// for untrusted files: memory is bounded by one page and one packet of [MaxPacket]
// bytes, and damage is skipped and counted, and never causes a panic.
package ogg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"github.com/etude-ml/etude/models/music/audio/internal/crc"
)

// MaxPacket is how many bytes of a packet are kept. Only comments with pictures are
// longer.
const MaxPacket = 1 << 18

const (
	headSize = 27
	maxPage  = headSize + 255 + 255*255
	maxBad   = 64      // damaged pages after which reading ends
	maxJunk  = 1 << 22 // bytes between pages after which it does
	maxHeads = 16      // streams of one file
)

// Flags of a page.
const (
	flagContinued = 1 << iota
	flagFirst
	flagLast
)

// Packet is a packet of the stream. Packets that end on one page share its granule
// position, which is that of the last of them.
type Packet struct {
	Data     []byte // its first MaxPacket bytes; valid until the next call
	Granule  int64  // of the page it ends on; negative: unknown
	LastHere bool   // it is the last that ends on its page
	End      bool   // the page is the stream's last
}

// Reader reads the packets of one stream.
type Reader struct {
	pages  pages
	serial uint32

	page  page
	at    int    // index of the next segment
	body  []byte // from that segment on
	part  []byte // of a packet, from earlier pages
	whole bool   // part holds the packet's start
	next  uint32 // number of the next page
	ended bool
	lost  int // missing pages
}

// Heads returns up to 64 bytes of the first packet of each stream in r.
func Heads(r io.Reader) []string {
	p := newPages(r)
	var heads []string
	for g := range p.first {
		heads = append(heads, string(g.body[:min(len(g.body), 64)]))
	}
	return heads
}

// Open finds the first stream in r whose first packet starts with prefix, and returns
// that packet. The error is io.EOF if there is none.
func Open(r io.Reader, prefix string) (*Reader, []byte, error) {
	o := &Reader{pages: newPages(r), whole: true}
	for g := range o.pages.first {
		if bytes.HasPrefix(g.body, []byte(prefix)) {
			o.serial, o.next = g.serial, g.number+1
			o.page, o.body, o.ended = g, g.body, g.flags&flagLast != 0
			p, err := o.Next()
			return o, bytes.Clone(p.Data), err
		}
	}
	return nil, nil, io.EOF
}

// Lost returns how many pages were found damaged or missing so far.
func (o *Reader) Lost() int { return max(o.lost, o.pages.bad) }

// Ended reports whether the stream's last page was read.
func (o *Reader) Ended() bool { return o.ended }

// Next returns the next packet, or io.EOF after the last. It skips packets whose start
// or end was on a missing page.
func (o *Reader) Next() (Packet, error) {
	for {
		for o.at < len(o.page.segments) {
			n, end := o.packetPart()
			data := o.body[:n]
			o.body = o.body[n:]
			if len(o.part) > 0 || !end {
				o.part = append(o.part, data[:min(n, MaxPacket-len(o.part))]...)
				data = o.part
			}
			if !end {
				break
			}
			whole := o.whole
			o.part, o.whole = o.part[:0], true
			if whole {
				return Packet{
					Data: data[:min(len(data), MaxPacket)], Granule: o.page.granule,
					LastHere: !o.page.endsPacket(o.at), End: o.ended,
				}, nil
			}
		}
		if err := o.turn(); err != nil {
			return Packet{}, err
		}
	}
}

// packetPart steps over the segments of the next packet. It returns the number of its
// bytes on this page, and whether it ends here.
func (o *Reader) packetPart() (n int, end bool) {
	for o.at < len(o.page.segments) && !end {
		s := o.page.segments[o.at]
		n += int(s)
		end = s < 255
		o.at++
	}
	return n, end
}

// turn reads the stream's next page.
func (o *Reader) turn() error {
	if o.ended {
		return io.EOF
	}
	for {
		g, err := o.pages.read()
		if err != nil {
			return err
		}
		if g.serial != o.serial {
			continue
		}
		continued := g.flags&flagContinued != 0
		if g.number != o.next || continued != (len(o.part) > 0) {
			o.part = o.part[:0]
			o.whole = !continued
			o.lost++
		}
		o.next = g.number + 1
		o.page, o.at, o.body, o.ended = g, 0, g.body, g.flags&flagLast != 0
		return nil
	}
}

// page is one page; its slices are valid until the next is read.
type page struct {
	flags    byte
	granule  int64
	serial   uint32
	number   uint32
	segments []byte // their sizes
	body     []byte
}

// endsPacket reports whether a packet ends at segment i or later.
func (g *page) endsPacket(i int) bool {
	return slices.ContainsFunc(g.segments[i:], func(s byte) bool { return s < 255 })
}

// pages reads whole pages of all streams.
type pages struct {
	r    *bufio.Reader
	used int // bytes of the page returned last
	bad  int
	junk int // bytes that belong to no page
}

func newPages(r io.Reader) pages { return pages{r: bufio.NewReaderSize(r, maxPage)} }

// first yields the first pages of the streams, with which a file begins.
func (p *pages) first(yield func(page) bool) {
	for range maxHeads {
		if g, err := p.read(); err != nil || g.flags&flagFirst == 0 || !yield(g) {
			return
		}
	}
}

// read returns the next page with a correct checksum, or io.EOF after the last.
func (p *pages) read() (page, error) {
	_, _ = p.r.Discard(p.used) // was peeked: cannot fail
	p.used = 0
	for p.bad < maxBad && p.junk < maxJunk {
		h, err := p.r.Peek(headSize)
		if err != nil {
			return page{}, io.EOF
		}
		if string(h[:4]) != "OggS" || h[4] != 0 {
			p.seek()
			continue
		}
		n := headSize + int(h[26])
		if h, err = p.r.Peek(n); err == nil {
			for _, s := range h[headSize:] {
				n += int(s)
			}
			h, err = p.r.Peek(n)
		}
		if err != nil || checksum(h) != binary.LittleEndian.Uint32(h[22:]) {
			p.bad++
			p.seek()
			continue
		}
		p.used = n
		body := headSize + int(h[26])
		return page{
			flags: h[5], granule: int64(binary.LittleEndian.Uint64(h[6:])),
			serial: binary.LittleEndian.Uint32(h[14:]), number: binary.LittleEndian.Uint32(h[18:]),
			segments: h[headSize:body], body: h[body:],
		}, nil
	}
	return page{}, io.EOF
}

// seek skips to what may be the start of the next page.
func (p *pages) seek() {
	_, _ = p.r.Discard(1)
	b, _ := p.r.Peek(max(p.r.Buffered(), 4))
	n := bytes.Index(b, []byte("OggS"))
	if n < 0 {
		n = max(len(b)-3, 0) // the marker may begin in the last three bytes
	}
	p.junk += 1 + n
	_, _ = p.r.Discard(n)
}

var table = crc.Table[uint32](0x04c11db7)

// checksum returns the page's CRC-32, for which its own field counts as 0.
func checksum(b []byte) uint32 {
	var sum uint32
	for i, c := range b {
		if i >= 22 && i < 26 {
			c = 0
		}
		sum = sum<<8 ^ table[byte(sum>>24)^c]
	}
	return sum
}
