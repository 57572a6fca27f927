// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

// MPEG versions by the header's code; 1 is reserved.
const (
	mpeg25 = 0
	mpeg2  = 2
	mpeg1  = 3
)

// Channel modes by the header's code. Dual channel (2) decodes as stereo.
const (
	jointStereo = 1
	mono        = 3
)

// bitrates are in kbit/s: of MPEG 1, then of 2 and 2.5, by layer. Layers 1 and 2 are
// recognised, to be refused.
var bitrates = [2][3][15]int{
	{
		{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	},
	{
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	},
}

var rates = [4][3]int{mpeg1: {44100, 48000, 32000}, mpeg2: {22050, 24000, 16000}, mpeg25: {11025, 12000, 8000}}

// header is a frame's first four bytes.
type header struct {
	version   int
	layer     int // 1 to 3
	protected bool
	bitrate   int // kbit/s; 0 is the free format
	rateCode  int
	padding   int
	mode      int
	modeExt   int
}

// parseHeader reads four bytes, and reports whether they can be a header.
func parseHeader(b []byte) (header, bool) {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return header{}, false
	}
	h := header{
		version:   int(b[1] >> 3 & 3),
		layer:     4 - int(b[1]>>1&3),
		protected: b[1]&1 == 0,
		rateCode:  int(b[2] >> 2 & 3),
		padding:   int(b[2] >> 1 & 1),
		mode:      int(b[3] >> 6),
		modeExt:   int(b[3] >> 4 & 3),
	}
	code := b[2] >> 4
	if h.version == 1 || h.layer == 4 || h.rateCode == 3 || code == 15 || b[3]&3 == 2 {
		return header{}, false
	}
	h.bitrate = bitrates[2-h.granules()][h.layer-1][code]
	return h, true
}

// follows reports whether a frame with header h can follow one with header g in the
// same stream: bit rate and mode may change, version, layer and rate may not.
func (h header) follows(g header) bool {
	return h.version == g.version && h.layer == g.layer && h.rateCode == g.rateCode && (h.bitrate == 0) == (g.bitrate == 0)
}

func (h header) rate() int { return rates[h.version][h.rateCode] }

func (h header) channels() int {
	if h.mode == mono {
		return 1
	}
	return 2
}

// granules returns how many granules of 576 samples a frame has.
func (h header) granules() int {
	if h.version == mpeg1 {
		return 2
	}
	return 1
}

// size returns the size of the frame in bytes; free is the size of frames of the free
// format without padding.
func (h header) size(free int) int {
	if h.bitrate == 0 {
		return free + h.padding
	}
	switch h.layer {
	case 1: // slots of four bytes
		return 4 * (12000*h.bitrate/h.rate() + h.padding)
	case 2:
		return 144000*h.bitrate/h.rate() + h.padding
	}
	return 72000*h.granules()*h.bitrate/h.rate() + h.padding
}

// sideSize returns the size of the side information in bytes.
func (h header) sideSize() int {
	switch {
	case h.version == mpeg1 && h.mode != mono:
		return 32
	case h.version == mpeg1 || h.mode != mono:
		return 17
	}
	return 9
}
