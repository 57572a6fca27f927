// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

// bitReader reads bits, most significant first, and zeros behind the end.
type bitReader struct {
	b  []byte
	at int // in bits
}

// peek returns the next n bits, n up to 25, at the low end.
func (r *bitReader) peek(n int) uint32 {
	i := r.at >> 3
	var v uint32
	if i+4 <= len(r.b) {
		v = uint32(r.b[i])<<24 | uint32(r.b[i+1])<<16 | uint32(r.b[i+2])<<8 | uint32(r.b[i+3])
	} else {
		for k := range 4 {
			v <<= 8
			if i+k < len(r.b) {
				v |= uint32(r.b[i+k])
			}
		}
	}
	return v << (r.at & 7) >> (32 - n)
}

func (r *bitReader) read(n int) int {
	if n == 0 {
		return 0
	}
	v := r.peek(n)
	r.at += n
	return int(v)
}

func (r *bitReader) flag() bool { return r.read(1) != 0 }

// sideInfo tells how a frame's main data is laid out.
type sideInfo struct {
	begin   int        // bytes that main data reaches back before its frame
	share   [2][4]bool // groups of scalefactors the second granule shares, by channel
	granule [2][2]granule
}

// Block types, ways to split 18 lines of a subband over time.
const (
	longBlock  = 0
	startBlock = 1
	shortBlock = 2
	stopBlock  = 3
)

// granule is the side information of one granule in one channel.
type granule struct {
	bits       int // of scalefactors and Huffman codes together
	bigValues  int // lines coded in pairs
	gain       int
	compress   int // codes the widths of scalefactors
	block      int
	mixed      bool // the two lowest subbands stay long
	table      [3]int
	windowGain [3]int
	region     [2]int // lines where the second and third table start
	preflag    bool
	scale      int // 0 or 1: steps of half or whole factors of two
	quadTable  int
}

// readSide reads the side information of a frame.
func readSide(h header, b []byte) *sideInfo {
	r, s := &bitReader{b: b}, &sideInfo{}
	channels := h.channels()
	if h.version == mpeg1 {
		s.begin = r.read(9)
		r.read(7 - 2*channels) // private
		for c := range channels {
			for i := range s.share[c] {
				s.share[c][i] = r.flag()
			}
		}
	} else {
		s.begin = r.read(8)
		r.read(channels) // private
	}
	for g := range h.granules() {
		for c := range channels {
			s.granule[g][c].read(r, h)
		}
	}
	return s
}

func (g *granule) read(r *bitReader, h header) {
	long := bands(h).long
	g.bits = r.read(12)
	g.bigValues = 2 * r.read(9)
	g.gain = r.read(8)
	if h.version == mpeg1 {
		g.compress = r.read(4)
	} else {
		g.compress = r.read(9)
	}
	if r.flag() {
		g.block = r.read(2)
		g.mixed = r.flag()
		g.table[0], g.table[1] = r.read(5), r.read(5)
		for i := range g.windowGain {
			g.windowGain[i] = r.read(3)
		}
		g.region = [2]int{long[8], 576}
		if g.block == shortBlock {
			g.region[0] = 3 * bands(h).short[3]
		}
	} else {
		g.table[0], g.table[1], g.table[2] = r.read(5), r.read(5), r.read(5)
		first := r.read(4) + 1
		second := first + r.read(3) + 1
		g.region = [2]int{long[min(first, 22)], long[min(second, 22)]}
	}
	if h.version == mpeg1 {
		g.preflag = r.flag()
	}
	g.scale = r.read(1)
	g.quadTable = r.read(1)
}

// split tells where long scalefactor bands end and short ones start: lines of
// the bands [0, long) and [short, 13), as indices into bandTable.
func (g *granule) split(h header) (long, short int) {
	switch {
	case g.block != shortBlock:
		return 22, 13
	case !g.mixed:
		return 0, 0
	case h.version == mpeg1:
		return 8, 3
	}
	return 6, 3
}
