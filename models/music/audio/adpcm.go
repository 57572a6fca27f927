// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"fmt"
	"io"
)

// ADPCM in a wav comes in two kinds. Both have four bits a sample, in blocks that
// each start with the decoder's state, and are defined by Microsoft's "New
// Multimedia Data Types and Data Techniques" (1994); the first is the IMA's
// recommendation.

// decodeADPCM reads the data chunk. It decodes what is left of a block that the
// end of the file cuts.
func decodeADPCM(f *pcm, r *io.SectionReader, maxSeconds float64) (*sound, error) {
	s := newSound(f.rate, f.channels, fullScale(16), maxSeconds)
	head := f.adpcmHead()
	if r.Size() > 0 && r.Size() < int64(head) {
		return nil, fmt.Errorf("data chunk: %d bytes, less than the %d of a block's head", r.Size(), head)
	}
	// A byte holds two samples, a block's head at least one for each channel.
	s.Samples = make([]float64, 0, min(int64(s.limit), 2*r.Size()/int64(f.channels)+1))
	buf := make([]byte, f.block)
	out := make([]int, 2*f.block+2*f.channels)
	decode := msBlock
	if f.tag == tagIMA {
		decode = imaBlock
	}
	for len(s.Samples) < s.limit {
		n, err := io.ReadFull(r, buf)
		if n < head {
			break
		}
		addInterleaved(s, decode(out, buf[:n], f.channels), 1.0/(1<<15), s.limit)
		if err != nil {
			break
		}
	}
	return s, nil
}

// imaBlock decodes a block of IMA ADPCM into out, channels interleaved, and returns
// the part that it filled. The channels alternate every 4 bytes, which are 8
// samples.
func imaBlock(out []int, b []byte, channels int) []int {
	groups := (len(b) - 4*channels) / (4 * channels)
	for c := range channels {
		value := int(int16(binary.LittleEndian.Uint16(b[4*c:])))
		index := min(int(b[4*c+2]), len(imaSteps)-1)
		out[c] = value
		for i := range 8 * groups {
			code := int(b[4*(channels*(1+i/8)+c)+i%8/2])
			if i&1 == 1 {
				code >>= 4
			}
			step := imaSteps[index]
			// (code's magnitude + 1/2) · step/4, as the shifts of the definition round it.
			d := step>>3 + step>>2*(code&1) + step>>1*(code>>1&1) + step*(code>>2&1)
			if code&8 != 0 {
				d = -d
			}
			value = clip16(value + d)
			index = min(max(index+imaAdjust[code&7], 0), len(imaSteps)-1)
			out[(1+i)*channels+c] = value
		}
	}
	return out[:(1+8*groups)*channels]
}

// msBlock decodes a block of Microsoft's ADPCM into out, channels interleaved, and
// returns the part that it filled. The channels alternate every four bits.
func msBlock(out []int, b []byte, channels int) []int {
	n := channels
	word := func(i int) int { return int(int16(binary.LittleEndian.Uint16(b[i:]))) }
	coefs := make([][2]int, n)
	delta := make([]int, n)
	for c := range n {
		coefs[c] = msCoefs[min(int(b[c]), len(msCoefs)-1)]
		delta[c] = word(n + 2*c)
		out[n+c] = word(3*n + 2*c)
		out[c] = word(5*n + 2*c)
	}
	at := 2 * n
	for _, pair := range b[7*n:] {
		for _, code := range [2]byte{pair >> 4, pair & 15} {
			c := at % n
			guess := (out[at-n]*coefs[c][0] + out[at-2*n]*coefs[c][1]) >> 8
			out[at] = clip16(guess + int(int8(code<<4)>>4)*delta[c])
			// The upper bound is beyond any sound; in a damaged file it stops the doubling.
			delta[c] = min(max(delta[c]*msAdapt[code]>>8, 16), 1<<24)
			at++
		}
	}
	return out[:at/n*n]
}

func clip16(v int) int { return min(max(v, -1<<15), 1<<15-1) }

// imaSteps grow by a tenth each; imaAdjust is how far a code's magnitude moves among
// them.
var (
	imaSteps = [89]int{
		7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107,
		118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
		1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894,
		6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767,
	}
	imaAdjust = [8]int{-1, -1, -1, -1, 2, 4, 6, 8}
)

// msCoefs weigh the last two samples, in 1/256; msAdapt scales the step.
var (
	msCoefs = [7][2]int{{256, 0}, {512, -256}, {0, 0}, {192, 64}, {240, 0}, {460, -208}, {392, -232}}
	msAdapt = [16]int{230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230}
)
