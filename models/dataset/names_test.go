// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesOnOtherSystems(t *testing.T) {
	const nfc, nfd = "caf\u00e9.wav", "cafe\u0301.wav"
	files := map[string]string{}
	var labels []string
	for _, name := range []string{nfc, nfd, "Song.wav", "song.WAV", "sub /x.wav", "a\tb.wav", "end .wav", "dot./y.wav", "fine [1] - ♪ 'q'.wav", "sub/ok.wav", "SUB/other.wav"} {
		files["audio/"+name] = name
		labels = append(labels, name+",0.5,0.25,")
	}
	files["audio/tail.wav "] = "tail"
	s := check(t, texts(), with(t, files, labels...), Options{})
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(s.lines()), "\n") {
		if !strings.Contains(line, "of the samples instead") {
			got = append(got, line)
		}
	}
	const drop = " begins or ends in spaces or a dot, which other systems drop: rename the file"
	assert.ElementsMatch(t, []string{
		"warning a\tb.wav: the name \"a\\tb.wav\" holds control characters: rename the file",
		"warning caf\u00e9.wav: the name differs from \"cafe\u0301.wav\" by its Unicode form only, and is the same on other systems: rename one",
		`warning song.WAV: the name differs from "Song.wav" by its case only, and is the same on other systems: rename one`,
		`warning dot./y.wav: the name "dot./y.wav"` + drop,
		`warning end .wav: the name "end .wav"` + drop,
		`warning sub /x.wav: the name "sub /x.wav"` + drop,
		`warning tail.wav : the name "tail.wav " ends in spaces, so the file is not read: rename it`,
	}, got)
	assert.Zero(t, s.Errors)
}

func TestNameThatIsNoText(t *testing.T) {
	root := with(t, nil)
	const name = "caf\xe9.wav"
	err := os.WriteFile(filepath.Join(root, "training", "audio", name), []byte("x"), 0o600)
	if errors.Is(err, syscall.EILSEQ) {
		t.Skip("the file system keeps no such names")
	}
	require.NoError(t, err)
	s := check(t, texts(), root, Options{})
	assert.Equal(t, 2, s.Warnings)
	assert.Contains(t, s.lines(), `the name "caf\xe9.wav" is not UTF-8, and no label can name it: rename the file`)
	assert.Contains(t, s.lines(), "no label in labels.csv")
}

func TestOtherFiles(t *testing.T) {
	files := map[string]string{
		"audio/a.m4a": "", "audio/b.M4A": "", "audio/sub/c.m4a": "", "audio/d.m4a": "", "audio/.hidden.m4a": "", "audio/._a.m4a": "",
		"audio/song.mid": "", "audio/README.txt": "", "audio/cover.jpg": "", "audio/other.csv": "", "audio/none": "",
	}
	root := with(t, files)
	dir := filepath.Join(root, "training", "audio")
	s := check(t, texts(), root, Options{})
	assert.Equal(t, []OtherFiles{{".m4a", []string{"a.m4a", "b.M4A", "d.m4a", "sub/c.m4a"}}, {".mid", []string{"song.mid"}}}, s.OtherFiles)
	assert.Equal(t, []string{
		`warning : 1 file with the extension .mid in ` + dir + ` ("song.mid"): not read: move them where they belong, or remove them`,
		`warning : 4 files with the extension .m4a in ` + dir + ` ("a.m4a", "b.M4A", "d.m4a" and 1 more): not read: convert them, as the folder is for .wav, .mp3, .flac and other audio files, or remove them`,
	}, sortedLines(s))

	s = check(t, DynamicsSource, folder(t, map[string]string{"dynamics_midi/a.gp5": "", "dynamics_midi/b.wav": "", "dynamics_midi/c.MID": "bad"}), Options{})
	assert.Equal(t, 1, s.Files, "upper case is read")
	assert.Contains(t, s.lines(), "extension .gp5")
	assert.Contains(t, s.lines(), "convert them, as the folder is for MIDI files")
	assert.Contains(t, s.lines(), "extension .wav")
	s = check(t, DynamicsSource, folder(t, map[string]string{"dynamics_midi/a.kar": "", "dynamics_midi/b.RMI": ""}), Options{})
	assert.Equal(t, 2, s.Files, "MIDI files with lyrics, and in a RIFF file")
	for _, source := range []Files{EmotionSource, MelodySource} {
		for _, e := range source.Extensions {
			assert.NotEmpty(t, kindOf(e), "%s: files that are read are known", e)
		}
	}
}
