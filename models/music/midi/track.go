// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"fmt"

	"github.com/etude-ml/etude/models/internal/remarks"
)

// walker steps through the events of one track.
type walker struct {
	chunk
	counts
	at      int   // bytes of the body read so far
	tick    int64 // from the start of the track
	ended   bool  // an end-of-track event was read
	running byte  // the last channel status, 0 before the first
	high    error // names the first data byte above 127
	faults  remarks.List
}

// walk reads every event up to the end of the track, counts it and hands it to b,
// which may be nil.
//
// It is lenient where the events stay in step: running status continues across
// meta events and sysex, system messages, which do not belong in a file, are
// skipped, and a track may lack its end or continue after it. A data byte above
// 127 is read as 127, which the caller allows only if all tracks end where they
// should. An event that is cut short and a byte that is impossible in its place
// are errors, because the rest of the track would be a guess.
func (w *walker) walk(b *builder) error {
	for w.at < len(w.body) && !w.ended {
		delta, err := w.quantity("a delta time")
		if err != nil {
			return err
		}
		if delta == longestDelta {
			w.faults.Add("byte %d: a delta time of %d ticks, the longest there is: it may stand for one below 0", w.offset+w.at, delta)
		}
		w.tick += delta
		if err = w.event(b); err != nil {
			return err
		}
	}
	return nil
}

// event reads one event after its delta time.
func (w *walker) event(b *builder) error {
	status, err := w.next("an event")
	if err != nil {
		return err
	}
	switch {
	case status < 0x80: // running status: this was the first data byte
		if w.running == 0 {
			return w.errorf(w.at-1, "data byte %#02x without a status before it", status)
		}
		w.at--
		return w.channelMessage(b)
	case status < 0xf0:
		w.running = status
		return w.channelMessage(b)
	case status == 0xf0 || status == 0xf7:
		_, err := w.block("a sysex event")
		return err
	case status == 0xff:
		return w.metaEvent(b)
	}
	w.faults.Add("a system message %#02x at byte %d was skipped: it has no place in a file", status, w.offset+w.at-1)
	for range systemSizes[status&0x0f] {
		if _, err := w.data(); err != nil {
			return err
		}
	}
	return nil
}

// systemSizes are the numbers of data bytes of system messages: one of a time code
// and of a song select, two of a song position.
var systemSizes = [16]int{1: 1, 2: 2, 3: 1}

// channelMessage reads the data bytes that the running status asks for.
func (w *walker) channelMessage(b *builder) (err error) {
	kind, channel := w.running&0xf0, w.running&0x0f
	var first, second byte
	if first, err = w.data(); err != nil {
		return err
	}
	if kind != statusProgram && kind != statusPressure {
		if second, err = w.data(); err != nil {
			return err
		}
	}
	switch {
	case kind == statusNoteOn && second > 0:
		w.notes++
	case kind == statusControlChange:
		w.controls++
	}
	if b != nil {
		b.channel(w.tick, kind, channel, first, second)
	}
	return nil
}

func (w *walker) metaEvent(b *builder) error {
	kind, err := w.next("a meta event")
	if err != nil {
		return err
	}
	body, err := w.block("a meta event")
	if err != nil {
		return err
	}
	switch kind {
	case metaEndOfTrack:
		w.ended = true
		return nil
	case metaTempo:
		w.tempi++
	case metaTimeSignature:
		w.signatures++
	}
	if b != nil {
		b.meta(w.tick, kind, body)
	}
	return nil
}

// data reads a data byte, whose top bit is clear. Some programs write a velocity
// of 150 or a controller of 255 and mean the largest.
func (w *walker) data() (byte, error) {
	b, err := w.next("a message")
	if err != nil || b < 0x80 {
		return b, err
	}
	if w.high == nil {
		w.high = w.errorf(w.at-1, "%#02x where a data byte below 0x80 should be", b)
	}
	w.faults.Add("byte %d: the data byte %d was read as 127, the largest", w.offset+w.at-1, b)
	return 0x7f, nil
}

// block reads a length and that many bytes.
func (w *walker) block(what string) ([]byte, error) {
	size, err := w.quantity("the length of " + what)
	if err != nil {
		return nil, err
	}
	if left := int64(len(w.body) - w.at); size > left {
		return nil, w.errorf(w.at, "%s claims %d bytes, %d are left in the track", what, size, left)
	}
	b := w.body[w.at : w.at+int(size)]
	w.at += int(size)
	return b, nil
}

// longestDelta has all bits set. A program that computed -1 writes it.
const longestDelta = 1<<28 - 1

// quantity reads a variable-length quantity of at most four bytes.
func (w *walker) quantity(what string) (int64, error) {
	var n int64
	for range 4 {
		b, err := w.next(what)
		if err != nil {
			return 0, err
		}
		n = n<<7 | int64(b&0x7f)
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, w.errorf(w.at, "%s takes more than four bytes", what)
}

func (w *walker) next(what string) (byte, error) {
	if w.at >= len(w.body) {
		return 0, w.errorf(w.at, "the track ends inside %s", what)
	}
	b := w.body[w.at]
	w.at++
	return b, nil
}

// errorf names the byte's place in the file, where a hex editor shows it.
func (w *walker) errorf(at int, format string, args ...any) error {
	return fmt.Errorf("byte %d: %s: the file is damaged; export it again", w.offset+at, fmt.Sprintf(format, args...))
}

// chunk is the body of one track chunk and its place in the file.
type chunk struct {
	body   []byte
	offset int
}

// trackID begins a track chunk.
var trackID = []byte("MTrk")
