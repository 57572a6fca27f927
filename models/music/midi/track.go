// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"fmt"

	"gitlab.com/gomidi/midi/v2/smf"

	"github.com/etude-ml/etude/models/internal/remarks"
)

// Meta event types that matter here; the others are skipped by their length.
const (
	metaEndOfTrack    = 0x2f
	metaTempo         = 0x51
	metaTimeSignature = 0x58
)

// visitor receives a track's events with their ticks from the track's start.
// The slices are valid during the call only.
type visitor interface {
	channel(tick int64, m smf.Message)
	meta(tick int64, kind byte, body []byte)
}

// walker steps through the bytes of one track.
type walker struct {
	chunk
	at      int
	tick    int64
	running byte // the last channel status, 0 before the first
	message [3]byte
	mended  *remarks.List
	high    error
}

// ending tells how a track came to its end.
type ending struct {
	tick   int64
	read   int   // bytes of the body up to there
	marked bool  // an end-of-track event stands there
	high   error // names the first data byte above 127, nil if there is none
}

// walk hands every event of a track to v and tells how the track ended.
//
// It is lenient where the events stay in step: running status goes on across
// meta events and sysex, system messages, which have no place in a file, are
// skipped, and a track may lack its end or go on after it. A data byte above 127
// is taken for 127, on the condition that the caller finds all ends in place. An
// event that is cut short and a byte that cannot be where it stands are errors,
// for what would follow them is guesswork.
func walk(c chunk, v visitor, mended *remarks.List) (ending, error) {
	w := &walker{chunk: c, mended: mended}
	ended := false
	for w.at < len(w.body) && !ended {
		delta, err := w.quantity("a delta time")
		if err != nil {
			return ending{}, err
		}
		if delta == longestDelta {
			mended.Add("byte %d: a delta time of %d ticks, the longest there is: it may stand for one below 0", w.offset+w.at, delta)
		}
		w.tick += delta
		if ended, err = w.event(v); err != nil {
			return ending{}, err
		}
	}
	return ending{w.tick, w.at, ended, w.high}, nil
}

// event reads one event after its delta time.
func (w *walker) event(v visitor) (ended bool, err error) {
	status, err := w.next("an event")
	if err != nil {
		return false, err
	}
	switch {
	case status < 0x80: // running status: this was the first data byte
		if w.running == 0 {
			return false, w.errorf(w.at-1, "data byte %#02x without a status before it", status)
		}
		w.at--
		return false, w.channelMessage(v)
	case status < 0xf0:
		w.running = status
		return false, w.channelMessage(v)
	case status == 0xf0 || status == 0xf7:
		_, err := w.block("a sysex event")
		return false, err
	case status == 0xff:
		kind, err := w.next("a meta event")
		if err != nil {
			return false, err
		}
		body, err := w.block("a meta event")
		if err != nil {
			return false, err
		}
		if kind == metaEndOfTrack {
			return true, nil
		}
		v.meta(w.tick, kind, body)
		return false, nil
	default:
		w.mended.Add("a system message %#02x at byte %d was skipped: it has no place in a file", status, w.offset+w.at-1)
		for range systemLength(status) {
			if _, err := w.data(); err != nil {
				return false, err
			}
		}
		return false, nil
	}
}

// systemLength gives the number of data bytes of a system message.
func systemLength(status byte) int {
	switch status {
	case 0xf1, 0xf3: // time code quarter frame, song select
		return 1
	case 0xf2: // song position
		return 2
	}
	return 0
}

// channelMessage reads the data bytes that the running status asks for.
func (w *walker) channelMessage(v visitor) error {
	size := 3
	if kind := w.running & 0xf0; kind == 0xc0 || kind == 0xd0 { // program, channel pressure
		size = 2
	}
	w.message[0] = w.running
	for i := 1; i < size; i++ {
		b, err := w.data()
		if err != nil {
			return err
		}
		w.message[i] = b
	}
	v.channel(w.tick, smf.Message(w.message[:size]))
	return nil
}

// data reads a data byte, whose top bit is clear. Some programs write a velocity
// of 150 or a controller of 255, which stand for the largest.
func (w *walker) data() (byte, error) {
	b, err := w.next("a message")
	if err != nil || b < 0x80 {
		return b, err
	}
	if w.high == nil {
		w.high = w.errorf(w.at-1, "%#02x where a data byte below 0x80 should be", b)
	}
	w.mended.Add("byte %d: the data byte %d was read as 127, the largest", w.offset+w.at-1, b)
	return 0x7f, nil
}

// block reads a length and gives that many bytes.
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

// longestDelta is all ones, as a program leaves that computed -1.
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

// errorf names the place in the file, where a hex editor will show it.
func (w *walker) errorf(at int, format string, args ...any) error {
	return fmt.Errorf("byte %d: %s: the file is damaged; export it again", w.offset+at, fmt.Sprintf(format, args...))
}
