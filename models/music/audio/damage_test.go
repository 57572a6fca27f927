// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tone returns some seconds of a chord at a rate, as 16-bit samples.
func tone(rate int, seconds float64) []int {
	x := make([]int, int(seconds*float64(rate)))
	for i := range x {
		t := float64(i) / float64(rate)
		x[i] = int(6000*math.Sin(2*math.Pi*220*t) + 4000*math.Sin(2*math.Pi*1330*t*(1+0.2*t)))
	}
	return x
}

// bitString collects bits as text.
type bitString struct{ strings.Builder }

func (b *bitString) put(v, n int) { fmt.Fprintf(b, "%0*b", n, v&(1<<n-1)) }

func (b *bitString) bytes() []byte {
	s := b.String()
	s += strings.Repeat("0", -len(s)&7)
	var out []byte
	for ; s != ""; s = s[8:] {
		var c byte
		for _, bit := range s[:8] {
			c = c<<1 | byte(bit-'0')
		}
		out = append(out, c)
	}
	return out
}

// crc returns the remainder of a division by a polynomial of so many bits.
func crc(b []byte, polynomial uint32, width int) uint32 {
	var r uint32
	for _, c := range b {
		r ^= uint32(c) << (width - 8)
		for range 8 {
			top := r >> (width - 1) & 1
			r = (r<<1 ^ top*polynomial) & (1<<width - 1)
		}
	}
	return r
}

// flacFile encodes mono sound of 16 bits at 8 kHz in frames of 576 samples, in turn
// verbatim and by differences in a Rice code. It returns where the frames start, too.
func flacFile(x []int) (file []byte, frames []int) {
	const size = 576
	info := make([]byte, 34)
	binary.BigEndian.PutUint16(info, size)
	binary.BigEndian.PutUint16(info[2:], size)
	info[10], info[11], info[12], info[13] = 8000>>12, 8000>>4&0xff, 0, 0xf0 // mono, 16 bits
	binary.BigEndian.PutUint32(info[14:], uint32(len(x)))
	file = append([]byte("fLaC\x80\x00\x00\x22"), info...)
	for n := 0; len(x) > 0; n++ {
		block := x[:min(size, len(x))]
		x = x[len(block):]
		frame := []byte{0xff, 0xf8, 0x74, 0x08, byte(n), 0, 0} // 16-bit block size, 8 kHz, mono, 16 bits
		binary.BigEndian.PutUint16(frame[5:], uint16(len(block)-1))
		frame = append(frame, byte(crc(frame, 0x07, 8)))
		var b bitString
		if n%2 == 0 {
			b.put(1<<1, 8)
			for _, v := range block {
				b.put(v, 16)
			}
		} else {
			const k = 9
			b.put(9<<1, 8) // fixed predictor of order 1
			b.put(block[0], 16)
			b.put(0, 6) // one partition
			b.put(k, 4)
			for i, v := range block[1:] {
				d := v - block[i]
				u := d << 1
				if d < 0 {
					u = -d<<1 - 1
				}
				b.put(1, u>>k+1)
				b.put(u, k)
			}
		}
		frame = append(frame, b.bytes()...)
		frames = append(frames, len(file))
		file = append(file, binary.BigEndian.AppendUint16(frame, uint16(crc(frame, 0x8005, 16)))...)
	}
	return file, frames
}

// damaged returns a file with one or two faults behind its first bytes: bits or bytes
// are changed or set to zero, something is cut out or put in, or the end is cut off.
func damaged(r *rand.Rand, file []byte, head int) []byte {
	b := slices.Clone(file)
	for range 1 + r.IntN(2) {
		if len(b) <= head+2 {
			break
		}
		at := head + r.IntN(len(b)-head)
		n := min(1+r.IntN(1<<r.IntN(9)), len(b)-at)
		switch r.IntN(6) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			for i := range n {
				b[at+i] = byte(r.Uint32())
			}
		case 2:
			clear(b[at : at+n])
		case 3:
			b = slices.Delete(b, at, at+n)
		case 4:
			b = slices.Insert(b, at, slices.Clone(b[at:at+n])...)
		case 5:
			b = b[:at]
		}
	}
	return b
}

// logMelOf does what LogMelInfo does, for a file in memory.
func logMelOf(b []byte) ([]float32, []string, error) {
	s, err := decode(bytes.NewReader(b), int64(len(b)), Seconds)
	if err != nil {
		return nil, nil, err
	}
	feature, err := s.LogMel()
	return feature, s.Notes, err
}

// checkReported damages a file many times. Each time there must be an error, a note, or
// the samples of the undamaged file, from which the feature is computed.
func checkReported(t *testing.T, r *rand.Rand, file []byte, head, times int) {
	t.Helper()
	want, err := decode(bytes.NewReader(file), int64(len(file)), Seconds)
	require.NoError(t, err)
	require.Empty(t, want.Notes)
	errors, reported, same := 0, 0, 0
	for i := range times {
		b := damaged(r, file, head)
		got, err := decode(bytes.NewReader(b), int64(len(b)), Seconds)
		switch {
		case err != nil:
			errors++
		case len(got.Notes) > 0:
			reported++
		default:
			same++
			require.Equal(t, want.Samples, got.Samples, "damage %d changes the sound and nothing reports it", i)
		}
	}
	assert.NotZero(t, reported+errors)
	t.Logf("%d errors, %d with notes, %d where nothing that is used is touched", errors, reported, same)
}

func TestDamagedFLACIsReported(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	file, frames := flacFile(tone(8000, 3)) // a second more than is used
	clip, err := Decode(write(t, file), 0)
	require.NoError(t, err)
	require.Empty(t, clip.Notes)
	require.Len(t, clip.Samples, 24000)
	for i, v := range tone(8000, 3) {
		require.Equal(t, float64(v)/(1<<15), clip.Samples[i])
	}
	checkReported(t, r, file, frames[0], 500)

	// Faults at the borders of frames, which no checksum sees.
	for name, b := range map[string][]byte{
		"a frame lost":     slices.Delete(slices.Clone(file), frames[3], frames[4]),
		"a frame twice":    slices.Insert(slices.Clone(file), frames[3], file[frames[3]:frames[4]]...),
		"frames exchanged": slices.Concat(file[:frames[3]], file[frames[4]:frames[5]], file[frames[3]:frames[4]], file[frames[5]:]),
		"cut at a border":  file[:frames[5]],
	} {
		feature, notes, err := logMelOf(b)
		require.NoError(t, err, name)
		assert.Len(t, feature, Bands, name)
		assert.NotEmpty(t, notes, name)
	}
	// Behind what is used, damage is of no interest.
	_, notes, err := logMelOf(file[:frames[len(frames)-1]])
	require.NoError(t, err)
	assert.Empty(t, notes)
	// The rate in the file's header is not guarded by a checksum, but frames repeat it.
	other := slices.Clone(file)
	other[8+11] ^= 0x10
	_, notes, err = logMelOf(other)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(notes, "\n"), "the frame at 0.00 s says 8000 Hz, the file's header 7744 Hz")
}

func TestDamagedFLACFilesAreReported(t *testing.T) {
	root := dataRoot(t, "training")
	files, err := filepath.Glob(filepath.Join(root, "training", "audio", "*.flac"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	r := rand.New(rand.NewPCG(12, 2))
	for _, path := range files[:4] {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		at := 4
		for last := false; !last; {
			last = b[at]&0x80 != 0
			at += 4 + int(b[at+1])<<16 + int(b[at+2])<<8 + int(b[at+3])
		}
		checkReported(t, r, b, at, 50)
	}
}

func TestDamagedOpusIsReported(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 3))
	for _, g := range goldenOpuses(t) {
		second := bytes.Index(g.Opus[4:], []byte("OggS")) + 4 // behind the header's page
		checkReported(t, r, g.Opus, second, 150)
	}
}

// An MP3 has few checksums; damage that breaks its frames is reported.
func TestDamagedMP3IsReported(t *testing.T) {
	g := goldenMP3s(t)[1]
	_, notes, err := logMelOf(g.MP3)
	require.NoError(t, err)
	require.Empty(t, notes)
	third := 0
	for range 3 {
		third += 4 + bytes.Index(g.MP3[third+4:], g.MP3[:2])
	}
	sync := slices.Clone(g.MP3)
	sync[third] = 0
	reservoir := slices.Clone(g.MP3)
	reservoir[third+4] = 0xff // main data that starts 255 bytes before
	// The first granule is of two bits, too few for its lines: the number stands
	// behind eight bits and two in the side information.
	lines := slices.Clone(g.MP3)
	lines[third+5], lines[third+6] = lines[third+5]&0xc0, lines[third+6]&0x03|0x08
	for name, b := range map[string][]byte{
		"cut in a frame":   g.MP3[:third+20],
		"cut at a frame":   g.MP3[:third],
		"a header lost":    sync,
		"bytes lost":       slices.Delete(slices.Clone(g.MP3), third+50, third+60),
		"bytes put in":     slices.Insert(slices.Clone(g.MP3), third, 1, 2, 3, 4, 5),
		"first frame lost": append([]byte{1}, g.MP3[1:]...),
		"reservoir":        reservoir,
		"lines":            lines,
	} {
		_, notes, err := logMelOf(b)
		if err == nil {
			assert.NotEmpty(t, notes, name)
		}
	}
}

// Files without checksums report that they are cut.
func TestCutFilesAreReported(t *testing.T) {
	le := binary.LittleEndian
	x := tone(8000, 1)
	plain := pcm16(1, 8000, x...)
	var big []byte
	for _, v := range x {
		big = binary.BigEndian.AppendUint16(big, uint16(int16(v)))
	}
	for name, file := range map[string][]byte{
		"wav":       plain,
		"w64":       w64("fmt ", fmtChunk(le, tagPCM, 1, 8000, 2, 16), "data", string(plain[44:])),
		"aiff":      aiff("AIFF", "COMM", comm(1, len(x), 16, 8000, ""), "SSND", ssnd(string(big))),
		"IMA ADPCM": wav(le, "RIFF", "fmt ", fmtChunk(le, tagIMA, 1, 8000, 256, 4), "data", strings.Repeat("\x10\x20\x10\x00"+strings.Repeat("\x37", 252), 16)),
	} {
		want, notes, err := logMelOf(file)
		require.NoError(t, err, name)
		require.Empty(t, notes, name)
		got, notes, err := logMelOf(file[:len(file)/2])
		require.NoError(t, err, name)
		assert.NotEqual(t, want, got)
		assert.Len(t, notes, 1, name)
	}
	short := slices.Clone(plain)
	le.PutUint32(short[40:], 1000)
	_, notes, err := logMelOf(short)
	require.NoError(t, err)
	assert.Equal(t, []string{"data chunk: after its 1000 bytes come 15000 bytes that are not a chunk; what comes before was used: write the file anew from its source"}, notes)
	few := aiff("AIFF", "COMM", comm(1, 2*len(x), 16, 8000, ""), "SSND", ssnd(string(big)))
	_, notes, err = logMelOf(few)
	require.NoError(t, err)
	assert.Len(t, notes, 1, "COMM announces more")
	for _, size := range []uint32{0, 0x7ffff000, 1<<32 - 1} { // as written into a pipe
		le.PutUint32(plain[40:], size)
		_, notes, err := logMelOf(plain)
		require.NoError(t, err)
		assert.Empty(t, notes, size)
	}
}

func TestReportedFiles(t *testing.T) {
	root := filepath.Join(dataRoot(t, "regressions"), "regressions", "audio")
	want := map[string]struct{ note, fail string }{
		"ambisonic_guid.wav":         {},
		"antiphase.wav":              {fail: "the 2 channels, of which the mean is used, cancel each other: one peaks at -"},
		"damaged_at_0.6s_of_6s.flac": {note: "damaged at 0.51 s"},
		"garageband_like.caf":        {fail: "is a CAF file; convert it to wav, mp3 or flac"},
		"gtzan_like.au":              {fail: "is an AU file; convert it to wav, mp3 or flac"},
		"html.mp3":                   {fail: "is an HTML page; the download failed"},
		"lead_silence_2.1s.wav":      {fail: "the first 2 s, which are used, are silent (peak below -80 dBFS), and sound starts at 2.10 s: cut off"},
		"text.wav":                   {fail: "is a git-lfs pointer, not the file itself; run git lfs pull"},
		"whole.flac":                 {},
		"zero_size_list_after.wav":   {fail: "no samples"},
		"zip.wav":                    {fail: "is a zip archive; unpack it"},
	}
	files, err := filepath.Glob(filepath.Join(root, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		name := filepath.Base(path)
		w, ok := want[name]
		require.True(t, ok, "%s has no value in this test", name)
		feature, info, err := LogMelInfo(context.Background(), path)
		if w.fail != "" {
			require.ErrorContains(t, err, path+": ", name)
			assert.ErrorContains(t, err, w.fail, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Len(t, feature, Bands)
		assert.Equal(t, w.note != "", len(info.Notes) == 1, "%s: %v", name, info.Notes)
		assert.Contains(t, strings.Join(info.Notes, "\n"), w.note, name)
	}
	// Four equal channels, as libsndfile reads them.
	clip, err := Decode(filepath.Join(root, "ambisonic_guid.wav"), 0)
	require.NoError(t, err)
	assert.Equal(t, []int{4, 8000, 8000}, []int{clip.Channels, clip.Rate, len(clip.Samples)})
	assert.Equal(t, 0x111c/32768.0, clip.Samples[1])
}

// Silent clips are distinguished from clips that only seem silent.
func TestWhySilent(t *testing.T) {
	late := append(make([]int, 17000), 1000, -1000, 500)
	opposed := make([]int, 0, 200)
	for i := range 100 {
		opposed = append(opposed, 1000*(i%7), -1000*(i%7))
	}
	for text, file := range map[string][]byte{
		"silent: peak below -80 dBFS":                                                             pcm16(1, 8000, make([]int, 30000)...),
		"and sound starts at 2.12 s: cut off what is before it":                                   pcm16(1, 8000, late...),
		"cancel each other: one peaks at -14.7 dBFS, the mean below -80; keep one channel, or in": pcm16(2, 8000, opposed...),
	} {
		_, info, err := LogMelInfo(context.Background(), write(t, file))
		require.ErrorIs(t, err, ErrSilent)
		require.ErrorContains(t, err, text)
		assert.True(t, info.Silent)
	}
}

// Numbers that no recording has are damage; the file must not be read as a loud clip.
func TestFloatsBeyondSound(t *testing.T) {
	le := binary.LittleEndian
	floats := func(values ...float64) []byte {
		var b []byte
		for _, v := range values {
			b = le.AppendUint64(b, math.Float64bits(v))
		}
		return wav(le, "RIFF", "fmt ", fmtChunk(le, tagFloat, 2, 8000, 16, 64), "data", string(b))
	}
	for _, v := range []float64{1e252, -1e252, math.MaxFloat64, 1e10} {
		_, err := Decode(write(t, floats(0, 0, v, 0)), 0)
		require.ErrorContains(t, err, "where full scale is 1: the file is damaged")
	}
	_, err := Decode(write(t, floats(1e252, -1e252)), 0) // their mean is 0
	require.ErrorContains(t, err, "the file is damaged")
	clip, err := Decode(write(t, floats(1<<31, 1<<31)), 0) // integers of 32 bits as floats
	require.NoError(t, err)
	assert.Equal(t, []float64{1 << 31}, clip.Samples)
}

// A failure to read does not count as damage, and a context ends a decoding.
func TestInterrupted(t *testing.T) {
	file, _ := flacFile(tone(8000, 3))
	path := write(t, file)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := LogMelInfo(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, path)

	// It ends inside of a decoder as well, which must not take it for the file's end.
	r := &interruptible{ctx: context.Background(), r: failing{bytes.NewReader(file), 20000}}
	_, _ = decode(r, int64(len(file)), Seconds)
	require.ErrorIs(t, r.err, os.ErrPermission)

	// A canceled context ends what a decoder is at.
	ctx, cancel = context.WithCancel(context.Background())
	reads := 0
	slow := &interruptible{ctx: ctx, r: readerFunc(func(b []byte, off int64) (int, error) {
		if reads++; reads == 3 {
			cancel()
		}
		return bytes.NewReader(file).ReadAt(b[:min(len(b), 100)], off)
	})}
	_, _ = decode(slow, int64(len(file)), Seconds)
	require.ErrorIs(t, slow.err, context.Canceled)
	assert.Equal(t, 3, reads, "nothing is read after the end of the context")
}

// Of files of 500 GB only the part that is used is read. No file makes a decoder search
// without end: it reads 20 MB at most.
func TestHugeSparseFiles(t *testing.T) {
	loud := pcm16(1, 8000, tone(8000, 3)...)
	binary.LittleEndian.PutUint32(loud[40:], 1<<32-1)
	silent := slices.Clone(loud[:44])
	flac, frames := flacFile(tone(8000, 3))
	empty := slices.Clone(flac[:42])
	empty[4] &= 0x7f // metadata blocks of no bytes follow
	opus := goldenOpuses(t)[0].Opus
	for name, c := range map[string]struct {
		head []byte
		fail string // "": there is a feature
	}{
		"wav":             {loud, ""},
		"silent wav":      {silent, "silent"},
		"chunks of a wav": {loud[:36], "data chunk: missing"},
		"flac":            {flac, ""},
		"half a flac":     {flac[:frames[10]], ""},
		"flac metadata":   {empty, "metadata: more than 16384 blocks"},
		"opus":            {opus, ""},
		"opus header":     {opus[:bytes.Index(opus[4:], []byte("OggS"))+4], "no whole packet"},
		"mp3":             {goldenMP3s(t)[1].MP3, ""},
		"aiff":            {aiff("AIFF", "COMM", comm(1, 0, 16, 8000, "")), "no samples"},
		"w64":             {w64("fmt ", fmtChunk(binary.LittleEndian, tagPCM, 1, 8000, 2, 16)), "data chunk: missing"},
		"ID3 tags":        {[]byte("ID3\x03\x00\x00\x7f\x7f\x7f\x7f"), "zeros only"},
		"zeros":           {nil, "a file that begins with zeros only"},
	} {
		const size = 500e9
		read := 0
		file := io.NewSectionReader(readerFunc(func(b []byte, off int64) (int, error) {
			read += len(b)
			clear(b)
			if off < int64(len(c.head)) {
				copy(b, c.head[off:])
			}
			return len(b), nil
		}), 0, size)
		s, err := decode(file, size, Seconds)
		if err == nil {
			_, err = s.LogMel()
		}
		if c.fail == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.fail, name)
		}
		assert.Less(t, read, 20<<20, name)
	}
	// A silent one is searched for sound, in a minute of it.
	path := filepath.Join(t.TempDir(), "silent.wav")
	require.NoError(t, os.WriteFile(path, silent, 0o600))
	if err := os.Truncate(path, 8e9); err != nil {
		t.Skip("the file system has no sparse files of that size")
	}
	_, _, err := LogMelInfo(context.Background(), path)
	require.ErrorIs(t, err, ErrSilent)
}

// failing is a file of which the bytes from a place on cannot be read.
type failing struct {
	*bytes.Reader
	from int64
}

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.from {
		return 0, &os.PathError{Op: "read", Path: "x", Err: os.ErrPermission}
	}
	return f.Reader.ReadAt(b, off)
}

type readerFunc func(b []byte, off int64) (int, error)

func (f readerFunc) ReadAt(b []byte, off int64) (int, error) { return f(b, off) }
