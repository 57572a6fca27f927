// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/audio/internal/ogg"
)

type goldenOpus struct {
	Rate, Channels, Frames int
	Opus                   []byte
	Every5th               []float64
}

func goldenOpuses(t testing.TB) (golden []goldenOpus) {
	b, err := os.ReadFile("testdata/opus.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &golden))
	return golden
}

// oggPage returns one page with its checksum, which is computed bit by bit. Packets of
// 255·n bytes or of more than a page are not needed here.
func oggPage(flags byte, granule int64, serial, number uint32, packets ...[]byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("OggS\x00"), flags)
	b = le.AppendUint64(b, uint64(granule))
	b = le.AppendUint32(b, serial)
	b = le.AppendUint32(b, number)
	b = append(b, 0, 0, 0, 0, 0)
	for _, p := range packets {
		for n := len(p); n >= 0; n -= 255 {
			b = append(b, byte(min(n, 255)))
			b[26]++
		}
	}
	for _, p := range packets {
		b = append(b, p...)
	}
	var crc uint32
	for _, c := range b {
		for i := 7; i >= 0; i-- {
			top := crc>>31 ^ uint32(c>>i&1)
			crc = crc<<1 ^ top*0x04c11db7
		}
	}
	le.PutUint32(b[22:], crc)
	return b
}

// opusPackets splits a file into header, tags and sound.
func opusPackets(t testing.TB, file []byte) (packets [][]byte, end int64) {
	o, head, err := ogg.Open(bytes.NewReader(file), "OpusHead")
	require.NoError(t, err)
	packets = append(packets, head)
	for {
		p, err := o.Next()
		if err != nil {
			return packets, end
		}
		packets = append(packets, bytes.Clone(p.Data))
		end = p.Granule
	}
}

// opusFile puts packets of 20 ms into pages of one each, with positions from base on.
func opusFile(packets [][]byte, base, end int64) []byte {
	file := slices.Concat(oggPage(2, 0, 7, 0, packets[0]), oggPage(0, 0, 7, 1, packets[1]))
	for i, p := range packets[2:] {
		granule, flags := base+960*int64(i+1), byte(0)
		if i == len(packets)-3 {
			granule, flags = base+end, 4
		}
		file = append(file, oggPage(flags, granule, 7, uint32(i+2), p)...)
	}
	return file
}

// TestDecodeOpusGolden compares with libopus. CELT is computed in float32 in
// both. libopus computes SILK in integers; single samples differ by up to 4e-3
// in files of all kinds, see TestAgainstLibsndfile.
func TestDecodeOpusGolden(t *testing.T) {
	for i, limit := range []float64{2e-5, 5e-3} {
		g := goldenOpuses(t)[i]
		clip, err := Decode(write(t, g.Opus), 0)
		require.NoError(t, err)
		require.Equal(t, []int{g.Rate, g.Channels, g.Frames}, []int{clip.Rate, clip.Channels, len(clip.Samples)})
		var worst float64
		for i, want := range g.Every5th {
			worst = max(worst, math.Abs(want-clip.Samples[5*i]))
		}
		assert.Less(t, worst, limit)
		t.Logf("%d Hz: largest difference %.1e", g.Rate, worst)
	}
}

// The same packets in other pages, at other positions, beside another stream and
// behind junk are the same sound.
func TestDecodeOpusSurroundings(t *testing.T) {
	for _, g := range goldenOpuses(t) {
		want, err := Decode(write(t, g.Opus), 0)
		require.NoError(t, err)
		packets, end := opusPackets(t, g.Opus)
		plain := opusFile(packets, 0, end)
		var two []byte // its pages between those of another stream
		for i, at := 0, 0; at < len(plain); i++ {
			size := 27 + int(plain[at+26])
			for _, s := range plain[at+27 : at+27+int(plain[at+26])] {
				size += int(s)
			}
			flags := byte(0)
			if i == 0 {
				flags = 2
			}
			two = slices.Concat(two, oggPage(flags, 0, 9, uint32(i), []byte("\x80theora")), plain[at:at+size])
			at += size
		}
		for name, file := range map[string][]byte{
			"a page each":    plain,
			"later position": opusFile(packets, 1<<40, end),
			"two streams":    two,
			"junk inside":    slices.Concat(plain[:len(oggPage(2, 0, 7, 0, packets[0]))], bytes.Repeat([]byte("OggX"), 9000), plain[len(oggPage(2, 0, 7, 0, packets[0])):]),
			"then another":   slices.Concat(plain, g.Opus),
		} {
			clip, err := Decode(write(t, file), 0)
			require.NoError(t, err, name)
			assert.Equal(t, want, clip, name)
		}
		// The limit reads a start.
		clip, err := Decode(write(t, g.Opus), 0.05)
		require.NoError(t, err)
		assert.Equal(t, want.Samples[:clip.Rate/20], clip.Samples)
		// Without the last page only the packets before it exist, and no end is given.
		clip, err = Decode(write(t, plain[:len(plain)-1]), 0)
		require.NoError(t, err)
		skip := int(binary.LittleEndian.Uint16(packets[0][10:]))
		assert.Len(t, clip.Samples, ((len(packets)-3)*960-skip)/(48000/clip.Rate))
		assert.Equal(t, want.Samples[:len(clip.Samples)], clip.Samples)
		// The header's gain, here 6 dB, in 1/256 dB.
		loud := slices.Clone(packets)
		loud[0] = bytes.Clone(packets[0])
		loud[0][16], loud[0][17] = 0, 6
		clip, err = Decode(write(t, opusFile(loud, 0, end)), 0)
		require.NoError(t, err)
		for i, v := range want.Samples {
			require.InDelta(t, v*math.Pow(10, 6.0/20), clip.Samples[i], 1e-12)
		}
	}
}

func TestDecodeOpusErrors(t *testing.T) {
	packets, end := opusPackets(t, goldenOpuses(t)[0].Opus)
	header := func(at int, c byte) []byte {
		p := slices.Clone(packets)
		p[0] = bytes.Clone(p[0])
		p[0][at] = c
		return opusFile(p, 0, end)
	}
	for text, file := range map[string][]byte{
		"is an Ogg Vorbis file; convert it to wav":       oggPage(2, 0, 1, 0, []byte("\x01vorbis…")),
		"is a FLAC stream in Ogg; convert":               oggPage(2, 0, 1, 0, []byte("\x7fFLAC…")),
		"is an Ogg Speex file; convert":                  oggPage(2, 0, 1, 0, []byte("Speex   …")),
		"is an Ogg file without a known stream":          oggPage(2, 0, 1, 0, []byte("\x80theora")),
		"opus: header: is 18 bytes long":                 oggPage(2, 0, 1, 0, packets[0][:18]),
		"opus: header: version 16 is not known":          header(8, 16),
		"3 channels of mapping family 0 are not decoded": header(9, 3),
		"2 channels of mapping family 1 are not decoded": header(18, 1),
		"opus: no whole packet of sound":                 opusFile(packets[:2], 0, 0),
		"opus: first packet:":                            opusFile([][]byte{packets[0], packets[1], {0xff}}, 0, 960),
	} {
		path := write(t, file)
		_, err := Decode(path, 2)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), text)
			assert.Contains(t, err.Error(), path)
		}
	}
	// Damage behind the first packet ends the clip there; positions that lie do
	// not lengthen it.
	bad := slices.Clone(packets)
	bad[4] = []byte{0xff}
	for end, want := range map[int64]int{end: 2*960 - 312, 1 << 62: 2*960 - 312, 0: 2*960 - 312} {
		clip, err := Decode(write(t, opusFile(bad, 0, end)), 0)
		require.NoError(t, err)
		assert.Len(t, clip.Samples, want)
	}
}

// TestDecodeOpusParallel lets the race detector observe the decoder's tables.
func TestDecodeOpusParallel(t *testing.T) {
	golden := goldenOpuses(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			g := golden[i%len(golden)]
			s, err := decode(bytes.NewReader(g.Opus), int64(len(g.Opus)), 0)
			if assert.NoError(t, err) {
				assert.Len(t, s.Samples, g.Frames)
			}
		})
	}
	group.Wait()
}
