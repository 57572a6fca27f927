// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

import (
	"math"
	"sync"
)

// synthesis is the polyphase filterbank that joins 32 subbands.
type synthesis struct {
	v  [16][64]float64 // the newest vector at index at, older ones behind it
	at int
}

// cosines are those of the 32-point matrix, cos(m(2k+1)π/64), for k below 16:
// the others follow by symmetry.
var cosines = sync.OnceValue(func() *[32][16]float64 {
	var c [32][16]float64
	for m := range c {
		for k := range c[m] {
			c[m][k] = math.Cos(math.Pi / 64 * float64(m*(2*k+1)))
		}
	}
	return &c
})

// window is the synthesis window D in the order of use: [16 parts][32 samples].
var window = sync.OnceValue(func() *[16][32]float64 {
	var d [16][32]float64
	for i := range 512 {
		v := halfWindow[min(i, 512-i)]
		if i > 256 && i%64 != 0 {
			v = -v
		}
		d[i/32][i%32] = float64(v) / (1 << 16)
	}
	return &d
})

// slot turns one sample of each subband into 32 samples of sound.
func (s *synthesis) slot(out []float64, x *[32]float64) []float64 {
	var even, odd [16]float64
	for k := range 16 {
		even[k], odd[k] = x[k]+x[31-k], x[k]-x[31-k]
	}
	var c [32]float64
	for m, row := range cosines() {
		in := &even
		if m&1 != 0 {
			in = &odd
		}
		var sum float64
		for k, v := range row {
			sum += v * in[k]
		}
		c[m] = sum
	}
	s.at = (s.at + 15) & 15
	v := &s.v[s.at]
	for i := range v {
		switch {
		case i < 16:
			v[i] = c[16+i]
		case i == 16:
			v[i] = 0
		case i < 48:
			v[i] = -c[48-i]
		default:
			v[i] = -c[i-48]
		}
	}
	d := window()
	var y [32]float64
	for i := range 16 {
		// Even parts take the first half of their vector, odd ones the second.
		half := s.v[(s.at+i)&15][(i&1)*32:][:32]
		for j, w := range d[i] {
			y[j] += w * half[j]
		}
	}
	return append(out, y[:]...)
}

// halfWindow is the first half of the synthesis window D of ISO/IEC 11172-3,
// table B.3, in units of 2^-16. The other half mirrors it, see window.
var halfWindow = [257]int32{
	0, -1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -4, -4, -5,
	-5, -6, -7, -7, -8, -9, -10, -11, -13, -14, -16, -17, -19, -21, -24, -26,
	-29, -31, -35, -38, -41, -45, -49, -53, -58, -63, -68, -73, -79, -85, -91, -97,
	-104, -111, -117, -125, -132, -139, -147, -154, -161, -169, -176, -183, -190, -196, -202, -208,
	213, 218, 222, 225, 227, 228, 228, 227, 224, 221, 215, 208, 200, 189, 177, 163,
	146, 127, 106, 83, 57, 29, -2, -36, -72, -111, -153, -197, -244, -294, -347, -401,
	-459, -519, -581, -645, -711, -779, -848, -919, -991, -1064, -1137, -1210, -1283, -1356, -1428, -1498,
	-1567, -1634, -1698, -1759, -1817, -1870, -1919, -1962, -2001, -2032, -2057, -2075, -2085, -2087, -2080, -2063,
	2037, 2000, 1952, 1893, 1822, 1739, 1644, 1535, 1414, 1280, 1131, 970, 794, 605, 402, 185,
	-45, -288, -545, -814, -1095, -1388, -1692, -2006, -2330, -2663, -3004, -3351, -3705, -4063, -4425, -4788,
	-5153, -5517, -5879, -6237, -6589, -6935, -7271, -7597, -7910, -8209, -8491, -8755, -8998, -9219, -9416, -9585,
	-9727, -9838, -9916, -9959, -9966, -9935, -9863, -9750, -9592, -9389, -9139, -8840, -8492, -8092, -7640, -7134,
	6574, 5959, 5288, 4561, 3776, 2935, 2037, 1082, 70, -998, -2122, -3300, -4533, -5818, -7154, -8540,
	-9975, -11455, -12980, -14548, -16155, -17799, -19478, -21189, -22929, -24694, -26482, -28289, -30112, -31947, -33791, -35640,
	-37489, -39336, -41176, -43006, -44821, -46617, -48390, -50137, -51853, -53534, -55178, -56778, -58333, -59838, -61289, -62684,
	-64019, -65290, -66494, -67629, -68692, -69679, -70590, -71420, -72169, -72835, -73415, -73908, -74313, -74630, -74856, -74992,
	75038,
}
