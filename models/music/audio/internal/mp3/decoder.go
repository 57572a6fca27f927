// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package mp3 decodes MPEG audio layer III: MPEG 1, 2 and 2.5, every bit rate and the
// free format, constant or variable (ISO/IEC 11172-3 and 13818-3). It computes in
// float64 and does not clip. It is made for untrusted files: memory is fixed, and
// damage causes a silent granule or ends the stream, and never a panic.
package mp3

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/etude-ml/etude/models/music/audio/internal/crc"
)

// Limits of the search for frames.
const (
	maxFrame  = 1 << 13 // bytes; the free format has no limit of its own
	maxSearch = 1 << 20 // bytes before the first frame
	maxResync = 1 << 16 // bytes of damage inside the stream

	maxFreeTries = 1 << 10 // searches for the size of a free-format frame
)

// ErrNoFrames reports that nothing in a file looks like MPEG audio.
var ErrNoFrames = errors.New("no MPEG frames found; is it a sound file?")

// Decoder decodes a stream frame by frame.
type Decoder struct {
	Rate     int // frames of samples per second
	Channels int // of the first frame; others may differ
	// Start and End bound the encoder's input, in samples from the first that Next
	// returns, without the delay of encoder and decoder and without the padding. They
	// come from the encoder's tag; without one End is 0.
	Start, End int
	// Total is the number of frames that a tag gives, or 0; Frames counts the frames
	// that Next has returned.
	Total, Frames int
	// Damaged counts the frames that Next found damaged or missing so far. FirstDamaged
	// is the number of the first, and Damage says what was wrong with it.
	Damaged, FirstDamaged int
	Damage                string

	r     *bufio.Reader
	first header
	free  int // frame size of the free format, without padding
	main  []byte
	state [2]channelState
	out   [2][]float64
}

// decoderDelay is what the synthesis adds to the encoder's delay, in samples.
const decoderDelay = 529

// New finds the first frame and reads a Xing or Info tag in it.
func New(r io.Reader) (*Decoder, error) {
	d := &Decoder{r: bufio.NewReaderSize(r, 3*maxFrame)}
	if err := d.start(); err != nil {
		return nil, err
	}
	d.Rate, d.Channels = d.first.rate(), d.first.channels()
	size := d.first.size(d.free)
	if b, err := d.r.Peek(size); err == nil && d.readTag(b) {
		_, _ = d.r.Discard(size) // peeked: cannot fail
	}
	return d, nil
}

// start moves to the first frame. Any bytes can look like a header, so others must
// follow where the size of its frame ends.
func (d *Decoder) start() error {
	tries, junk := maxFreeTries, false
	for skipped := 0; skipped < maxSearch; skipped += d.skipToSync() {
		b, err := d.r.Peek(4)
		if err != nil {
			break
		}
		h, ok := parseHeader(b)
		if !ok {
			junk = junk || b[0] != 0
			continue
		}
		d.first, d.free = h, 0
		if h.bitrate == 0 {
			if tries--; tries < 0 || !d.measureFree() {
				continue
			}
		}
		need := 3
		if skipped == 0 {
			need = 2 // a file that begins with a header is less doubtful
		}
		if !d.chain(need) {
			junk = true
			continue
		}
		if h.layer != 3 {
			return fmt.Errorf("MPEG layer %d is not decoded; convert the file to layer 3, flac or wav", h.layer)
		}
		if junk {
			d.damage("the bytes before it are not a frame")
		}
		return nil
	}
	return ErrNoFrames
}

// skipToSync drops a byte and all up to the next 0xff in the buffer, which is rare in a
// file that is not sound. It returns the number of bytes.
func (d *Decoder) skipToSync() int {
	b, _ := d.r.Peek(max(1, d.r.Buffered()))
	n := len(b)
	if n > 1 {
		if i := bytes.IndexByte(b[1:], 0xff); i >= 0 {
			n = i + 1
		}
	}
	_, _ = d.r.Discard(n) // buffered: cannot fail
	return max(n, 1)
}

// chain reports whether need frames follow each other from the current one on, or
// fewer up to the end of the file or a tag there.
func (d *Decoder) chain(need int) bool {
	at := 0
	for n := range need {
		b, err := d.r.Peek(at + 4)
		if err != nil {
			return n > 1 || n == 1 && (need == 2 || len(b) == at)
		}
		h, ok := parseHeader(b[at:])
		if !ok || !h.follows(d.first) {
			return n > 0 && (bytes.HasPrefix(b[at:], []byte("TAG")) || bytes.HasPrefix(b[at:], []byte("APE")))
		}
		size := h.size(d.free)
		if size < 4+h.sideSize() && h.layer == 3 || size > maxFrame {
			return false
		}
		at += size
		if b, _ := d.r.Peek(at); len(b) < at {
			return n > 0 // the last frame is cut
		}
	}
	return true
}

// measureFree finds the frame size of the free format: the distance to the next
// header, confirmed by a third.
func (d *Decoder) measureFree() bool {
	h := d.first
	b, _ := d.r.Peek(2*maxFrame + 8)
	for n := 4 + h.sideSize(); n+4 <= len(b) && n <= maxFrame; n++ {
		g, ok := parseHeader(b[n:])
		if !ok || !g.follows(h) {
			continue
		}
		third := n + n - h.padding + g.padding
		if third+4 > len(b) {
			continue
		}
		if g, ok := parseHeader(b[third:]); ok && g.follows(h) {
			d.free = n - h.padding
			return true
		}
	}
	return false
}

// readTag reads a Xing or Info tag, which has a frame of its own without sound. If it
// gives the number of frames, the decoder's delay is cut even without LAME's
// extension; the frame of a VBRI tag stays, as silence. mpg123 does the same, and the
// reference features were made from its output.
func (d *Decoder) readTag(frame []byte) bool {
	b := frame[4+d.first.sideSize():]
	if len(b) < 8 || string(b[:4]) != "Xing" && string(b[:4]) != "Info" {
		return false
	}
	flags, b := binary.BigEndian.Uint32(b[4:]), b[8:]
	var frames int64
	for i, size := range [4]int{4, 4, 100, 4} { // frames, bytes, seek table, quality
		if flags&(1<<i) == 0 {
			continue
		}
		if len(b) < size {
			return true
		}
		if i == 0 {
			frames = int64(binary.BigEndian.Uint32(b))
		}
		b = b[size:]
	}
	// LAME's extension: an encoder's name, later two 12-bit numbers.
	var delay, padding int
	if len(b) >= 24 {
		delay = int(b[21])<<4 | int(b[22])>>4
		padding = int(b[22]&15)<<8 | int(b[23])
	}
	d.Total = int(frames)
	samples := frames * int64(576*d.first.granules())
	if end := samples - int64(padding) + decoderDelay; frames > 0 && end > int64(delay+decoderDelay) {
		d.Start, d.End = delay+decoderDelay, int(end)
	}
	return true
}

// Next decodes a frame. The slices, one a channel, hold 576 or 1,152 samples and are
// valid until the next call. io.EOF ends the stream; a frame that the end of the file
// cuts is not decoded.
func (d *Decoder) Next() ([][]float64, error) {
	h, frame, err := d.frame()
	if err != nil {
		return nil, err
	}
	d.out[0], d.out[1] = d.out[0][:0], d.out[1][:0]
	d.decode(h, frame)
	d.Frames++
	return d.out[:h.channels()], nil
}

// damage counts the next frame as damaged.
func (d *Decoder) damage(what string) {
	if d.Damaged == 0 {
		d.Damage, d.FirstDamaged = what, d.Frames
	}
	d.Damaged++
}

// frame returns the next whole frame. After damage it searches for it.
func (d *Decoder) frame() (header, []byte, error) {
	junk := false
	for skipped := 0; skipped < maxResync; skipped += d.skipToSync() {
		if b, _ := d.r.Peek(16); skipped == 0 {
			junk = len(b) > 0 && !trailer(b)
		}
		b, err := d.r.Peek(4)
		if err != nil {
			if junk {
				d.damage("the file ends in bytes that are not a frame")
			}
			return header{}, nil, io.EOF
		}
		h, ok := parseHeader(b)
		if ok && h.follows(d.first) {
			size := h.size(d.free)
			if size >= 4+h.sideSize() && size <= maxFrame && (skipped == 0 || d.continues(h, size)) {
				frame := make([]byte, size)
				if _, err := io.ReadFull(d.r, frame); err != nil {
					d.damage("the file ends inside it")
					return header{}, nil, io.EOF
				}
				if skipped > 0 {
					d.damage("the bytes before it are not a frame")
				}
				return h, frame, nil
			}
		}
	}
	if junk {
		d.damage("the bytes before it are not a frame")
	}
	return header{}, nil, io.EOF
}

// trailer reports whether the bytes after the last frame are a tag, or the zeros with
// which some programs fill a file.
func trailer(b []byte) bool {
	for _, tag := range []string{"TAG", "APETAGEX", "LYRICSBEGIN", "ID3", "3DI"} {
		if bytes.HasPrefix(b, []byte(tag)) {
			return true
		}
	}
	return len(bytes.Trim(b, "\x00")) == 0
}

// continues reports whether another frame follows one of size bytes.
func (d *Decoder) continues(h header, size int) bool {
	b, err := d.r.Peek(size + 4)
	if err != nil {
		return len(b) == size
	}
	g, ok := parseHeader(b[size:])
	return ok && g.follows(h)
}

// maxReservoir is how far main data may lie before its frame, in bytes.
const maxReservoir = 511

// decode appends the samples of a frame to d.out.
func (d *Decoder) decode(h header, frame []byte) {
	at := 4
	if h.protected {
		at += 2
	}
	end := at + h.sideSize()
	if end > len(frame) {
		d.damage("it is too short")
		d.silence(h)
		return
	}
	if h.protected && checksum(frame[2:4], frame[at:end]) != binary.BigEndian.Uint16(frame[4:]) {
		d.damage("its checksum is wrong")
	}
	side := readSide(h, frame[at:end])
	// Main data starts in earlier frames; older data is dropped. If too little was kept
	// (after damage, or a cut at the start) the frame cannot be decoded.
	missing := side.begin > len(d.main)
	if !missing {
		d.main = d.main[len(d.main)-side.begin:]
	}
	d.main = append(d.main, frame[end:]...)
	if missing {
		d.damage("it needs data of earlier frames that are not there")
		d.silence(h)
	} else {
		d.granules(h, side)
	}
	if n := len(d.main) - maxReservoir; n > 0 {
		d.main = append(d.main[:0], d.main[n:]...)
	}
}

// granules decodes all of a frame's granules from d.main.
func (d *Decoder) granules(h header, side *sideInfo) {
	r := &bitReader{b: d.main}
	var scales [2]scalefactors // of both channels; the second granule may share them
	for g := range h.granules() {
		var s spectra
		for c := range h.channels() {
			gr := &side.granule[g][c]
			end := r.at + gr.bits
			if end > 8*len(d.main) || gr.bigValues > 576 {
				d.damage("it claims more data than there is")
				r.at = min(end, 8*len(d.main))
				continue
			}
			var keep [4]bool
			if g == 1 {
				keep = side.share[c]
			}
			scales[c].read(r, gr, h, keep, h.modeExt&1 != 0 && h.mode == jointStereo && c == 1)
			var sound bool
			if s.last[c], sound = r.huffman(&s.x[c], gr, end); !sound {
				d.damage("its data are not valid codes")
			}
			s.requantize(c, gr, &scales[c], h)
			r.at = end
		}
		if h.mode == jointStereo {
			s.stereo(&side.granule[g][1], &scales[1], h)
		}
		for c := range h.channels() {
			d.out[c] = d.state[c].granule(d.out[c], &s.x[c], &side.granule[g][c], h)
		}
	}
}

// silence appends a frame that lets earlier sound ring out.
func (d *Decoder) silence(h header) {
	for range h.granules() {
		for c := range h.channels() {
			var x [576]float64
			d.out[c] = d.state[c].granule(d.out[c], &x, &granule{}, h)
		}
	}
}

var crcTable = crc.Table[uint16](0x8005)

// checksum returns the CRC-16 of a frame's header and side information.
func checksum(parts ...[]byte) uint16 {
	sum := uint16(0xffff)
	for _, part := range parts {
		for _, c := range part {
			sum = sum<<8 ^ crcTable[byte(sum>>8)^c]
		}
	}
	return sum
}
