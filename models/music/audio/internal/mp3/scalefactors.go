// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

// scalefactors of one granule in one channel, by band, and for short blocks by
// window. The topmost band has none: its entry stays 0.
type scalefactors struct {
	long  [22]int
	short [13][3]int
	// Where intensity stereo is on, MPEG 2 marks bands without a position by the
	// largest value of their width.
	longMax  [22]int
	shortMax [13][3]int
	coarse   bool // MPEG 2: intensity steps of 1/√2, else of 1/⁴√2
}

// widths1 are the bits of MPEG 1's scalefactors of lower and upper bands.
var widths1 = [16][2]int{
	{0, 0}, {0, 1}, {0, 2}, {0, 3}, {3, 0}, {1, 1}, {1, 2}, {1, 3},
	{2, 1}, {2, 2}, {2, 3}, {3, 1}, {3, 2}, {3, 3}, {4, 2}, {4, 3},
}

// read1 reads MPEG 1's scalefactors. In the second granule (g is 1) a group of
// long bands may keep the values of the first.
func (s *scalefactors) read1(r *bitReader, gr *granule, g int, share [4]bool) {
	w := widths1[gr.compress]
	if gr.block != shortBlock {
		for i, group := range [4][2]int{{0, 6}, {6, 11}, {11, 16}, {16, 21}} {
			if g == 1 && share[i] {
				continue
			}
			for b := group[0]; b < group[1]; b++ {
				s.long[b] = r.read(w[i/2])
			}
		}
		s.long[21] = 0
		return
	}
	from := 0
	if gr.mixed {
		for b := range 8 {
			s.long[b] = r.read(w[0])
		}
		from = 3
	}
	for b := from; b < 12; b++ {
		for i := range 3 {
			s.short[b][i] = r.read(w[b/6])
		}
	}
	s.short[12] = [3]int{}
}

// counts2 are the numbers of MPEG 2's scalefactors in four groups of one width,
// for long, short and mixed blocks. The last three rows are for the right
// channel of intensity stereo.
var counts2 = [6][3][4]int{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
	{{7, 7, 7, 0}, {12, 12, 12, 0}, {6, 15, 12, 0}},
	{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
	{{8, 8, 5, 0}, {15, 12, 9, 0}, {6, 18, 9, 0}},
}

// layout2 decodes MPEG 2's scalefactor code: widths of four groups, the row of
// counts2.
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

// read2 reads MPEG 2's scalefactors.
func (s *scalefactors) read2(r *bitReader, gr *granule, intensity bool) {
	w, row := layout2(gr.compress, intensity)
	gr.preflag = row == 2
	s.coarse = gr.compress&1 != 0
	kind, from := 0, 0
	if gr.block == shortBlock {
		kind = 1
		if gr.mixed {
			kind, from = 2, 3
		}
	}
	s.long[21], s.short[12] = 0, [3]int{}
	n := 0
	for i, count := range counts2[row][kind] {
		for range count {
			v, top := r.read(w[i]), 1<<w[i]-1
			if w[i] == 0 {
				top = -1 // a value of no bits is a position, not a mark
			}
			if kind == 0 || kind == 2 && n < 6 {
				s.long[n], s.longMax[n] = v, top
			} else {
				k := n
				if kind == 2 {
					k = n - 6 + 3*from
				}
				s.short[k/3][k%3], s.shortMax[k/3][k%3] = v, top
			}
			n++
		}
	}
}
