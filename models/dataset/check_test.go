// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/models/music/audio"
)

// texts returns the emotion source with features made of a file's text up to a "#":
// files may differ in content and agree in features. It recommends no number of files.
func texts() Files {
	s := EmotionSource
	s.Recommend = 0
	s.Feature = Feature{Name: "text", Version: 1, Read: func(_ context.Context, path string) (*Features, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f := &Features{}
		content, _, _ := strings.Cut(string(text), "#")
		for _, part := range strings.Split(content, "|") {
			var input []float32
			for _, b := range []byte(part) {
				input = append(input, float32(b))
			}
			f.Parts = append(f.Parts, Part{Name: part, Input: input})
		}
		return f, nil
	}}
	return s
}

// rows makes a label file of rows.
func rows(list ...string) string {
	return "filename,valence,arousal,group\n" + strings.Join(list, "\n") + "\n"
}

// check checks a folder of texts, as Validate does.
func check(t *testing.T, s Source, root string, o Options) Section {
	t.Helper()
	r, err := Validate(context.Background(), root, []Source{s}, o)
	require.NoError(t, err)
	require.Len(t, r.Sections, 1)
	return r.Sections[0]
}

// different returns files of different content and features, and labels all over
// the plane, each file in a group of its own.
func different(n int) (files map[string]string, labels []string) {
	files = map[string]string{}
	for i := range n {
		name := fmt.Sprintf("f%02d.wav", i)
		files["audio/"+name] = fmt.Sprintf("file %02d", i)
		labels = append(labels, fmt.Sprintf("%s,%g,%g,", name, []float64{0.5, -0.5}[i%2], []float64{0.75, 0.25}[i/2%2]))
	}
	return files, labels
}

// with adds files and labels to those of different, in which there are no problems.
func with(t *testing.T, files map[string]string, labels ...string) (root string) {
	t.Helper()
	all, list := different(8)
	maps.Copy(all, files)
	all["audio/labels.csv"] = rows(append(list, labels...)...)
	return folder(t, all)
}

func TestNothingToSay(t *testing.T) {
	s := check(t, texts(), with(t, nil), Options{})
	assert.Empty(t, s.Problems)
	assert.Equal(t, []int{8, 8, 8, 8, 8}, []int{s.Files, s.Labels, s.Usable, s.Samples, s.Groups})
	assert.Equal(t, &SplitSummary{Share: 0.2, Seed: 42, Training: Side{6, 6}, Validation: Side{2, 2}}, s.Split)
	assert.Equal(t, Quadrants{2, 2, 2, 2}, s.LabelsSummary.Quadrants)
	assert.Equal(t, &Distribution{Min: -0.5, Mean: 0, Max: 0.5, Std: 0.5}, s.LabelsSummary.Valence)
	assert.Equal(t, &Distribution{Min: 0.25, Mean: 0.5, Max: 0.75, Std: 0.25}, s.LabelsSummary.Arousal)
	assert.Equal(t, 8, s.GroupsSummary.Count)
	assert.Equal(t, GroupShare{Name: "f00.wav", Entries: 1, Samples: 1, Share: 0.125}, s.GroupsSummary.Largest[0])
	assert.Nil(t, s.Clips)
	assert.Nil(t, s.Chords)
}

func TestDuplicates(t *testing.T) {
	for name, c := range map[string]struct {
		files  map[string]string
		labels []string
		want   []string // problems
		found  []Duplicate
	}{
		"a group": {
			map[string]string{"audio/x.wav": "same", "audio/y.wav": "same"}, []string{"x.wav,0.5,0.25,g", "y.wav,0.5,0.25,g"},
			[]string{`warning duplicate x.wav: the same content as "y.wav": it counts twice: keep one`},
			[]Duplicate{{Same: SameContent, Names: []string{"x.wav", "y.wav"}, Groups: []string{"g"}}},
		},
		"labels": {
			map[string]string{"audio/x.wav": "same", "audio/y.wav": "same", "audio/z.wav": "same"},
			[]string{"x.wav,0.5,0.25,g", "y.wav,0.5,0.25,g", "z.wav,-0.5,0.75,g"},
			[]string{`error conflict x.wav: the same content as "y.wav", "z.wav", but another label: valence 0.5 and arousal 0.25, and of "z.wav" -0.5 and 0.75: correct the label and keep one`},
			[]Duplicate{{Same: SameContent, Names: []string{"x.wav", "y.wav", "z.wav"}, Groups: []string{"g"}, Conflict: true}},
		},
		"a leak": {
			map[string]string{"audio/x.wav": "same", "audio/y.wav": "same"}, []string{"x.wav,0.5,0.25,", "y.wav,0.5,0.25,"},
			[]string{`warning leak x.wav: the same content as "y.wav", each in a group of its own, which SIDES: give them the same group in labels.csv, or keep one`},
			[]Duplicate{{Same: SameContent, Names: []string{"x.wav", "y.wav"}, Groups: []string{"x.wav", "y.wav"}, Leak: true}},
		},
		"a leak of features": { // the other encoding of x is reported once, for its content
			map[string]string{"audio/w.wav": "a|b|own#x", "audio/x.wav": "a|b|c#x", "audio/y.wav": "b|a|d#yy", "audio/z.wav": "a|b|c#x"},
			[]string{"w.wav,0.5,0.25,1", "x.wav,0.5,0.25,1", "y.wav,0.5,0.25,2", "z.wav,0.5,0.25,1"},
			[]string{
				`warning duplicate x.wav: the same content as "z.wav": it counts twice: keep one`,
				`warning leak w.wav: 2 samples of the same numbers as "x.wav", "y.wav", in different groups ("1", "2"), which SIDES: give them the same group in labels.csv, or keep one`,
			},
			[]Duplicate{
				{Same: SameContent, Names: []string{"x.wav", "z.wav"}, Groups: []string{"1"}},
				{Same: SameFeatures, Names: []string{"w.wav", "x.wav", "y.wav"}, Groups: []string{"1", "2"}, Samples: 2, Leak: true},
			},
		},
		"features in a group": {
			map[string]string{"audio/x.wav": "a#x", "audio/y.wav": "a#yy"}, []string{"x.wav,0.5,0.25,g", "y.wav,0.5,0.25,g"}, nil, []Duplicate{},
		},
		"the size alone": {
			map[string]string{"audio/x.wav": "one", "audio/y.wav": "two"}, []string{"x.wav,0.5,0.25,", "y.wav,0.5,0.25,"}, nil, []Duplicate{},
		},
	} {
		for _, seed := range []uint64{0, 1, 2, 3, 42} {
			s := check(t, texts(), with(t, c.files, c.labels...), Options{Split: &Split{Share: 0.3, Seed: seed}})
			sides, divided := "a split may put on both sides", false
			for i := range s.Duplicates {
				d := &s.Duplicates[i]
				if d.Divided {
					divided, sides = true, "the split puts on both sides"
				}
				d.Divided = false
			}
			assert.Equal(t, c.found, s.Duplicates, name)
			var got, want []string
			for _, p := range s.Problems {
				if p.Kind == KindBalance { // how much goes to validation is tested elsewhere
					continue
				}
				got = append(got, fmt.Sprintf("%s %s %s: %s", p.Level, p.Kind, p.Name, p.Reason))
			}
			for _, w := range c.want {
				want = append(want, strings.ReplaceAll(w, "SIDES", sides))
			}
			assert.ElementsMatch(t, want, got, name)
			assert.Equal(t, divided, s.Split.Repeated > 0, "%s: what is on both sides is repeated", name)
		}
	}
}

// Without labels each file is a group, so what is there twice is a leak.
func TestDuplicatesWithoutLabels(t *testing.T) {
	s := texts()
	s.Labels = ""
	got := check(t, s, folder(t, map[string]string{"audio/x.wav": "same", "audio/y.wav": "same"}), Options{})
	assert.Equal(t, "warning x.wav: the same content as \"y.wav\", each in a group of its own, which the split puts on both sides: keep one\n", got.lines())
	assert.Equal(t, 1, got.Split.Repeated)
	assert.Nil(t, got.LabelsSummary)
}

func TestGroups(t *testing.T) {
	files := map[string]string{}
	var labels []string
	for i := range 12 {
		files[fmt.Sprintf("audio/x%02d.wav", i)] = fmt.Sprintf("x %d", i)
		labels = append(labels, fmt.Sprintf("x%02d.wav,%g,%g,song", i, []float64{0.5, -0.5}[i%2], []float64{0.75, 0.25}[i/2%2]))
	}
	root := with(t, files, labels...)
	seen := map[bool]bool{}
	for seed := range uint64(8) {
		s := check(t, texts(), root, Options{Split: &Split{Share: 0.2, Seed: seed}})
		assert.Equal(t, GroupShare{Name: "song", Entries: 12, Samples: 12, Share: 0.6}, s.GroupsSummary.Largest[0])
		assert.Equal(t, []int{12, 1, 1, 1, 1, 1, 1, 1, 1}, s.GroupsSummary.Sizes)
		assert.Contains(t, s.lines(), `warning : group "song" holds 60 % of the samples, and stands on one side of the split as a whole: give finer groups, or add others`)
		assert.Equal(t, 20, s.Split.Training.Samples+s.Split.Validation.Samples)
		assert.Equal(t, 9, s.Split.Training.Groups+s.Split.Validation.Groups)
		there := s.Split.Validation.Samples >= 12
		assert.Equal(t, there, strings.Contains(s.lines(), "% of the samples instead of 20 %, as whole groups go there"))
		seen[there] = true
	}
	assert.Len(t, seen, 2, "there are seeds of both kinds")
}

func TestSplitThatIsNone(t *testing.T) {
	s := check(t, texts(), with(t, nil), Options{Split: &Split{Share: 1.5}})
	assert.Nil(t, s.Split)
	assert.Equal(t, "error : data: split: the share of validation is 1.5, it must lie between 0 and 1\n", s.lines())
}

func TestBalance(t *testing.T) {
	const nothing = " in each of the 10 labels of labels.csv: there is nothing to learn from it: add files of another "
	for name, c := range map[string]struct {
		label func(i int) (valence, arousal float64)
		want  []string
	}{
		"spread":           {func(i int) (float64, float64) { return float64(i%2) - 0.5, float64(i/2%2) / 2 }, nil},
		"constant valence": {func(i int) (float64, float64) { return -0.25, float64(i) / 10 }, []string{"warning : valence is -0.25" + nothing + "valence, or correct the labels"}},
		"constant": {func(int) (float64, float64) { return 0.1, 0.3 }, []string{
			"warning : valence is 0.1" + nothing + "valence, or correct the labels", "warning : arousal is 0.3" + nothing + "arousal, or correct the labels",
		}},
		"no angry ones": {func(i int) (float64, float64) {
			return []float64{0.5, -0.5, 0.5}[i%3], []float64{0.9, 0.1, 0.1}[i%3]
		}, []string{"warning : labels.csv: no label has valence below 0 and arousal from 0.5: nothing is learned of that quadrant: add some"}},
		"happy": {func(i int) (float64, float64) {
			if i == 0 {
				return -0.1, 0
			}
			return 0.5, 0.5 + float64(i)/100
		}, []string{
			"warning : labels.csv: 90 % of the labels have valence from 0 and arousal from 0.5: add others",
			"warning : labels.csv: no label has valence below 0 and arousal from 0.5: nothing is learned of that quadrant: add some",
			"warning : labels.csv: no label has valence from 0 and arousal below 0.5: nothing is learned of that quadrant: add some",
		}},
	} {
		files := map[string]string{}
		var labels []string
		for i := range 10 {
			files[fmt.Sprintf("audio/%d.wav", i)] = fmt.Sprint(i)
			v, a := c.label(i)
			labels = append(labels, fmt.Sprintf("%d.wav,%g,%g,", i, v, a))
		}
		files["audio/labels.csv"] = rows(labels...)
		s := check(t, texts(), folder(t, files), Options{})
		assert.ElementsMatch(t, c.want, strings.FieldsFunc(s.lines(), func(r rune) bool { return r == '\n' }), name)
	}
}

// With a cache, the second check decodes nothing and reports the same.
func TestCheckThroughCache(t *testing.T) {
	root := with(t, map[string]string{"audio/x.wav": "same", "audio/y.wav": "same"}, "x.wav,0.5,0.25,", "y.wav,0.5,0.25,")
	past := time.Now().Add(-time.Hour)
	files, err := filepath.Glob(filepath.Join(root, "training/audio/*.wav"))
	require.NoError(t, err)
	require.Len(t, files, 10)
	for _, f := range files {
		require.NoError(t, os.Chtimes(f, past, past))
	}
	kept, err := cache.Open(filepath.Join(t.TempDir(), "cache"))
	require.NoError(t, err)
	defer kept.Close()
	var decoded atomic.Int32
	source := texts()
	inner := source.Feature.Read
	source.Feature.Read = func(ctx context.Context, path string) (*Features, error) {
		decoded.Add(1)
		f, err := inner(ctx, path)
		if err == nil {
			f.Clip = &audio.Info{Kind: "wav", Rate: 8000, Channels: 2, Seconds: 1.5, Peak: 0.25, ClippedShare: 0.125}
		}
		return f, err
	}
	first := check(t, source, root, Options{Cache: kept, Workers: 1})
	assert.EqualValues(t, 9, decoded.Load(), "the second of the same content comes from the cache")
	second := check(t, source, root, Options{Cache: kept, Workers: 1})
	assert.EqualValues(t, 9, decoded.Load())
	assert.Equal(t, first, second)
	assert.Equal(t, 10, second.Clips.Count)
	assert.Equal(t, first, check(t, source, root, Options{}))
}

func TestReportRoundTrip(t *testing.T) {
	root := with(t, map[string]string{"audio/x.wav": "same", "audio/y.wav": "same", "audio/z.m4a": ""}, "x.wav,0.5,0.25,", "y.wav,-0.5,0.25,", "none.wav,7,8,")
	r, err := Validate(context.Background(), root, []Source{texts(), HarmonySource}, Options{})
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(text, &back))
	// What is for plots stays out.
	l, g := r.Sections[0].LabelsSummary, r.Sections[0].GroupsSummary
	l.Valences, l.Arousals, g.Sizes = nil, nil, nil
	assert.Equal(t, r, &back)
	again, err := json.Marshal(back)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))
	for _, name := range []string{`"duplicates":[{"same":"content","names":["x.wav","y.wav"]`, `"kind":"conflict"`, `"labels_summary":{"count":10`, `"split":{"share":0.2,"seed":42,"training":{"samples":`, `"other_files":[{"extension":".m4a","names":["z.m4a"]}]`} {
		assert.Contains(t, string(text), name)
	}
}

func TestManyFiles(t *testing.T) { manyFiles(t, 2_500)() }

// Sixteen times as many files, much alike in name, content, features and labels, should
// take about sixteen times as long, not 256: the time for each file stays the same.
func BenchmarkManyFiles(b *testing.B) {
	for _, n := range []int{2_500, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				check := manyFiles(b, n)
				b.StartTimer()
				check()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/file")
		})
	}
}

// manyFiles returns a check of n files.
func manyFiles(tb testing.TB, n int) (check func()) {
	items := make([]item, n)
	x := &index{exists: map[string]bool{}, normalised: map[string][]string{}, similar: map[string]string{}}
	var labels []label
	var text strings.Builder
	for i := range items {
		name := fmt.Sprintf("%06d.wav", i)
		x.add(name, true)
		labels = append(labels, label{name: name, Label: Label{Valence: 5, Arousal: 6}, numbers: true, beyond: true, fault: "range"})
		e := item{name: name, group: name, labelled: true}
		// Two of three are of two contents. The others have a sample in common, and
		// one with the nearest one only.
		if i%3 > 0 {
			e.found.content = mark{byte(i % 3)}
		}
		e.found.samples = []mark{{0, 1}, fingerprint([]float32{float32(i / 6)})}
		items[i] = e
		fmt.Fprintf(&text, "%s\n%q: {\"valence\": 0, \"arousal\": 0}", map[bool]string{true: "{", false: ","}[i == 0], name)
	}
	return func() {
		s := newSection("many", 0)
		c := collection{what: "file", labelFile: "labels.csv", labels: labels, items: items}
		c.list(s, KindMended)
		s.names(x, texts().Extensions, "")
		c.judge(s, nil)
		s.finish()
		list, err := parseLabels("x.json", []byte(text.String()+"}"))
		require.NoError(tb, err)
		assert.Equal(tb, n+1, list[n-1].line)
		require.Len(tb, s.Duplicates, 2+1+(n+2)/6)
		assert.Len(tb, s.Duplicates[3].Names, (n+2)/3+2)
	}
}
