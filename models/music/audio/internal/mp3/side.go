// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

// bitReader reads bits of a slice, most significant first, and zeros behind the end.
type bitReader struct {
	b  []byte
	at int // in bits
}

// peek returns the next n bits, at most 25.
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

func (r *bitReader) flag() bool {
	i, bit := r.at>>3, r.at&7
	r.at++
	return i < len(r.b) && r.b[i]<<bit >= 0x80
}

// sideInfo describes the layout of a frame's main data.
type sideInfo struct {
	begin   int        // how many bytes before its frame main data starts
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

// split returns where long scalefactor bands end and short ones start: the bands are
// [0, long) and [short, 13), as indices into bandTable.
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

// scalefactors holds those of one granule in one channel, by band, and for short
// blocks by window. The topmost band has none: its entry stays 0.
type scalefactors struct {
	long  [22]int
	short [13][3]int
	// With intensity stereo, MPEG 2 marks bands without a position by the largest value
	// of their width.
	longMax  [22]int
	shortMax [13][3]int
	coarse   bool // MPEG 2: intensity steps of 1/√2, else of 1/⁴√2
}

// widths1 are the bits of MPEG 1's scalefactors of lower and upper bands.
var widths1 = [16][2]int{
	{0, 0}, {0, 1}, {0, 2}, {0, 3}, {3, 0}, {1, 1}, {1, 2}, {1, 3},
	{2, 1}, {2, 2}, {2, 3}, {3, 1}, {3, 2}, {3, 3}, {4, 2}, {4, 3},
}

// counts1 are the numbers of MPEG 1's scalefactors in four groups, for long, short
// and mixed blocks; the first two groups have the lower width, the others the upper.
var counts1 = [3][4]int{{6, 5, 5, 5}, {9, 9, 9, 9}, {8, 9, 9, 9}}

// counts2 are the numbers of MPEG 2's scalefactors in four groups of one width each,
// for long, short and mixed blocks. The last three rows are for the right channel of
// intensity stereo.
var counts2 = [6][3][4]int{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
	{{7, 7, 7, 0}, {12, 12, 12, 0}, {6, 15, 12, 0}},
	{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
	{{8, 8, 5, 0}, {15, 12, 9, 0}, {6, 18, 9, 0}},
}

// layout2 decodes MPEG 2's scalefactor code into the widths of the four groups and the
// row of counts2.
func layout2(c int, intensity bool) (w [4]int, row int) {
	if intensity {
		switch c >>= 1; {
		case c < 180:
			return [4]int{c / 36, c % 36 / 6, c % 6}, 3
		case c < 244:
			c -= 180
			return [4]int{c >> 4, c >> 2 & 3, c & 3}, 4
		}
		c -= 244
		return [4]int{c / 3, c % 3}, 5
	}
	switch {
	case c < 400:
		return [4]int{(c >> 4) / 5, (c >> 4) % 5, c >> 2 & 3, c & 3}, 0
	case c < 500:
		c -= 400
		return [4]int{(c >> 2) / 5, (c >> 2) % 5, c & 3}, 1
	}
	c -= 500
	return [4]int{c / 3, c % 3}, 2
}

// read reads the scalefactors of a granule. It keeps the old values of the groups of
// long bands in keep, which MPEG 1 uses for the second granule of a frame. intensity
// is for MPEG 2's right channel.
func (s *scalefactors) read(r *bitReader, gr *granule, h header, keep [4]bool, intensity bool) {
	var w [4]int
	counts := &counts1
	if h.version == mpeg1 {
		lower, upper := widths1[gr.compress][0], widths1[gr.compress][1]
		w = [4]int{lower, lower, upper, upper}
	} else {
		var row int
		w, row = layout2(gr.compress, intensity)
		counts, gr.preflag, s.coarse = &counts2[row], row == 2, gr.compress&1 != 0
	}
	long, short := gr.split(h)
	kind := 0
	switch short {
	case 0:
		kind = 1
	case 3:
		kind = 2
	}
	b := 0
	for i, count := range counts[kind] {
		if keep[i] && kind == 0 {
			b += count
			continue
		}
		for range count {
			v, top := r.read(w[i]), 1<<w[i]-1
			if w[i] == 0 {
				top = -1 // a value of no bits is a position, not a mark
			}
			if b < long {
				s.long[b], s.longMax[b] = v, top
			} else {
				k := b - long + 3*short
				s.short[k/3][k%3], s.shortMax[k/3][k%3] = v, top
			}
			b++
		}
	}
}
