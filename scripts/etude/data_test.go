// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/audio"
)

func TestFeatures(t *testing.T) {
	data := corpus(t)
	good := filepath.Join(data, "training/audio/piece-01-section-1.wav")
	bad := filepath.Join(t.TempDir(), "a \"bad\" <ü>.wav")
	require.NoError(t, os.WriteFile(bad, []byte("RIFF and no more"), 0o666))
	absent := filepath.Join(t.TempDir(), "none.wav")

	r := runWith(t, without(t), "features", "emotion", good, bad, absent, good)
	assert.Equal(t, 1, r.code, "one bad file is enough")
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	require.Len(t, lines, 4)
	for i, file := range []string{good, bad, absent, good} {
		line := parse(t, lines[i])
		assert.Equal(t, file, line["file"], "in the order given")
		assert.Equal(t, "emotion", line["network"])
		assert.Nil(t, line["target"])
		if file == good {
			assert.Len(t, line["input"], 128)
			assert.Nil(t, line["error"])
		} else {
			assert.Nil(t, line["input"])
			assert.NotEmpty(t, line["error"])
		}
	}
	want, err := audio.LogMel(good)
	require.NoError(t, err)
	for i, x := range parse(t, lines[0])["input"].([]any) {
		assert.Equal(t, want[i], float32(x.(float64)), "printed so that it reads back exactly")
	}

	r = runWith(t, without(t), "features", "melody", filepath.Join(data, "training/midi/piece-01-section-1.mid"), "--json")
	assert.Equal(t, 0, r.code)
	assert.Empty(t, r.stderr)
	line := parse(t, r.stdout)
	assert.Nil(t, line["input"])
	assert.Len(t, line["target"], 128)
}

func TestValidate(t *testing.T) {
	data := corpus(t)
	r := runWith(t, without(t), "validate", "--data", data, "--json")
	assert.Equal(t, 0, r.code, r.stderr)
	assert.NotContains(t, r.stderr, "\r", "a log has no carriage returns")
	report := parse(t, r.stdout)
	assert.Equal(t, true, report["ok"])
	assert.Equal(t, "emotion", report["sections"].([]any)[0].(map[string]any)["network"])

	wav := filepath.Join(data, "training/audio/piece-02-section-1.wav")
	require.NoError(t, os.WriteFile(wav, nil, 0o666))
	r = runWith(t, without(t), "validate", "--data", data, "--json")
	assert.Equal(t, 1, r.code)
	assert.EqualValues(t, 1, parse(t, r.stdout)["errors"])
	r = runWith(t, without(t), "validate", "--data", data)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "error: emotion: piece-02-section-1.wav: ")

	r = runWith(t, without(t), "validate", "--data", filepath.Join(data, "nowhere"), "--json")
	assert.Equal(t, 1, r.code)
	assert.Empty(t, r.stdout)
	assert.Contains(t, r.stderr, "nowhere")
}

// mischief is a data folder of two kinds with a little of what goes wrong.
func mischief(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	tone := func(hz float64) string {
		x := make([]float64, 3*22050)
		for i := range x {
			x[i] = 0.5 * math.Sin(2*math.Pi*hz*float64(i)/22050)
		}
		var b bytes.Buffer
		require.NoError(t, audio.WriteWAV(&b, x, 22050))
		return b.String()
	}
	files := map[string]string{
		"audio/a.wav": tone(440), "audio/b.wav": tone(440), "audio/c.wav": tone(550), "audio/d.wav": tone(660), "audio/e.wav": tone(770),
		"audio/<script>alert(1)</script>.wav": "RIFF", "audio/range.wav": "", "audio/phone.m4a": "", "audio/red\x1b[31m.wav": "",
		"audio/labels.csv": "filename,valence,arousal,group\na.wav,0.5,0.75,1\nb.wav,-0.5,0.75,2\nc.wav,0.5,0.25,1\nd.wav,-0.5,0.25,3\ne.wav,0.5,0.75,4\n" +
			"<script>alert(1)</script>.wav,0,0,\nrange.wav,0.5,7.5,\ngone.wav,0,0,\n",
		"chords/chord_progressions.json": `[{"id": 1, "key": "C", "chords": ["C", "Am", "F", "G", "C", "Am", "F", "G7"], "emotion": {"valence": 0.5, "arousal": 0.5}},
			{"id": 2, "key": "C", "chords": ["C", "Am", "F", "G", "C", "F", "F", "Xyz"]}]`,
	}
	for i := range 7 {
		files["audio/unlabelled"+string(rune('1'+i))+".wav"] = ""
	}
	for name, text := range files {
		path := filepath.Join(data, "training", filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	return data
}

func TestValidateText(t *testing.T) {
	data := mischief(t)
	r := runWith(t, without(t), "validate", "--data", data, "--no-cache")
	assert.Equal(t, 1, r.code)
	want, err := os.ReadFile("testdata/validate.txt") // read line by line when it was stored
	require.NoError(t, err)
	assert.Equal(t, string(want), strings.ReplaceAll(r.stdout, data, "DATA"))
}

func TestValidatePage(t *testing.T) {
	data, file := mischief(t), filepath.Join(t.TempDir(), "report.html")
	r := runWith(t, without(t), "validate", "--data", data, "--json", "--html", file, "--val-split", "0.4", "--seed", "7")
	assert.Equal(t, 1, r.code)
	found := parse(t, r.stdout)
	split := found["sections"].([]any)[0].(map[string]any)["split"].(map[string]any)
	assert.Equal(t, []any{0.4, 7.0}, []any{split["share"], split["seed"]})

	page, err := os.ReadFile(file)
	require.NoError(t, err)
	// It is well-formed, and what files are called is text in it.
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var text strings.Builder
	elements := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			elements[token.Name.Local]++
		case xml.CharData:
			text.Write(token)
		}
	}
	assert.Zero(t, elements["script"])
	assert.Equal(t, 5, elements["h2"], "a heading for each network")
	assert.GreaterOrEqual(t, elements["svg"], 9)
	problems := 0
	for _, s := range found["sections"].([]any) {
		for _, p := range s.(map[string]any)["problems"].([]any) {
			reason := strings.ReplaceAll(p.(map[string]any)["reason"].(string), "\x1b", `\x1b`)
			assert.Contains(t, text.String(), reason)
			problems++
		}
	}
	assert.Greater(t, problems, 15)
	assert.NotContains(t, string(page), "\x1b")

	r = runWith(t, without(t), "validate", "--data", data, "--html", filepath.Join(data, "none", "report.html"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "report.html", "a page that cannot be written is told of")
	r = runWith(t, without(t), "validate", "--data", data, "--val-split", "1")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "--val-split is 1; it must be between 0 and 1")
}

// A second validation finds the features in the cache and gives the same report.
func TestValidateAgain(t *testing.T) {
	data, kept := mischief(t), filepath.Join(t.TempDir(), "kept")
	first := runWith(t, without(t), "validate", "--data", data, "--cache", kept)
	second := runWith(t, without(t), "validate", "--data", data, "--cache", kept)
	assert.Equal(t, first.stdout, second.stdout)
	// a.wav and b.wav are one content; the bad file's failure is kept as well.
	assert.Contains(t, second.stderr, "features of 6 files were in the cache and 0 were not")
}

// Shards that run at once into one cache read every file of a data folder once, whether they
// are counted from 0 or from 1, and others find all of it there.
func TestFeatureShards(t *testing.T) {
	data, all := corpus(t), []string{}
	whole := runWith(t, without(t), "features", "groove", "--data", data, "--no-cache")
	require.Equal(t, 0, whole.code, whole.stderr)
	for line := range strings.Lines(whole.stdout) {
		all = append(all, line)
	}
	for first := range 2 {
		kept := filepath.Join(t.TempDir(), "kept")
		var lines []string
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range 3 {
			wg.Go(func() {
				r := runWith(t, without(t), "features", "groove", "--data", data, "--cache", kept, "--shard", fmt.Sprintf("%d/3", first+i))
				mu.Lock()
				defer mu.Unlock()
				assert.Equal(t, 0, r.code, r.stderr)
				for line := range strings.Lines(r.stdout) {
					lines = append(lines, line)
				}
			})
		}
		wg.Wait()
		assert.ElementsMatch(t, all, lines)
		r := runWith(t, without(t), "features", "groove", "--data", data, "--cache", kept)
		assert.Equal(t, whole.stdout, r.stdout)
		assert.Regexp(t, `features of \d+ files were in the cache and 0 were not`, r.stderr)
	}
	r := runWith(t, without(t), "features", "harmony", "--data", data)
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "harmony is not trained on a folder of files")
	for _, shard := range []string{"3", "4/3", "-1/3", "0/0", "a/b"} {
		r := runWith(t, without(t), "features", "groove", "--data", data, "--shard="+shard)
		assert.Equal(t, 2, r.code)
		assert.Contains(t, r.stderr, `--shard is "`+shard+`"; it must be I/N such as 3/8`)
	}
}
