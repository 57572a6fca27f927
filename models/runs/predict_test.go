// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// fresh writes a network with its initial values as a .pt and an .onnx file, and opens both.
func fresh(t *testing.T, name string) []*Model {
	t.Helper()
	torchtest.Need(t)
	spec, err := models.ByName(name)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "model.pt")
	torch.ManualSeed(1)
	module := spec.New(torch.CPU)
	defer free(module)
	require.NoError(t, pt.Save(file, nn.StateDict(module)))
	ofTorch, err := OpenModel(file, "")
	require.NoError(t, err)
	t.Cleanup(ofTorch.Close)
	_, err = ofTorch.Export(file+".onnx", ExportOptions{})
	require.NoError(t, err)
	ofONNX, err := OpenModel(file+".onnx", "")
	require.NoError(t, err)
	t.Cleanup(ofONNX.Close)
	return []*Model{ofTorch, ofONNX}
}

// Goroutines that share a network get the answers that one gets, and leave nothing.
func TestPredictFromManyGoroutines(t *testing.T) {
	ctx := t.Context()
	for _, m := range fresh(t, "melody") {
		dir := t.TempDir()
		files := make([]string, 8)
		for i := range files {
			files[i] = filepath.Join(dir, string(rune('a'+i))+".json")
			text, err := json.Marshal(map[string]float64{"valence": float64(i)/4 - 1, "arousal": float64(i) / 8})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(files[i], text, 0o600))
		}
		want, err := m.Predict(ctx, files...)
		require.NoError(t, err)
		require.Len(t, want, len(files))
		assert.NotEqual(t, want[0].Output, want[7].Output)

		before := torch.Live().Tensors
		var g errgroup.Group
		end := time.Now().Add(2 * time.Second)
		for n := range 64 {
			g.Go(func() error {
				for i := n; ; i++ {
					file := i % len(files)
					got, err := m.Predict(ctx, files[file])
					if err != nil {
						return err
					}
					// Kernels for one row may round otherwise than those for eight.
					for k, v := range got[0].Output {
						if d := v - want[file].Output[k]; d > 1e-6 || d < -1e-6 || v != v {
							assert.Failf(t, "a wrong answer", "%s: output %d is %g, want %g", files[file], k, v, want[file].Output[k])
							return nil
						}
					}
					if time.Now().After(end) {
						return nil
					}
				}
			})
		}
		require.NoError(t, g.Wait())
		assert.Equal(t, before, torch.Live().Tensors)

		cut, cancel := context.WithCancel(ctx)
		cancel()
		_, err = m.Predict(cut, files...)
		assert.ErrorIs(t, err, context.Canceled)
		if m.session != nil { // in the middle of what is computed at once, too
			cut, cancel = context.WithCancel(ctx)
			time.AfterFunc(time.Millisecond, cancel)
			_, err = m.Forward(cut, make([]float32, predictRows*m.Spec.In))
			assert.ErrorIs(t, err, context.Canceled)
		}
	}
}

func TestPredictJSON(t *testing.T) {
	m := fresh(t, "groove")[1]
	row, err := json.Marshal(dataset.Embedding(0.5, 0.25))
	require.NoError(t, err)
	var same []float32
	for text, says := range map[string]string{
		`{"valence": 0.5, "arousal": 0.25}`: "",
		string(row):                         "",
		"[" + string(row) + "]":             "",
		`{"network": "groove", "input": ` + string(row) + `}`: "",
		`{"network": "melody", "input": ` + string(row) + `}`: "for the network melody, not for groove",
		`{"input": [1, 2]}`:                                      "groove takes 64 numbers, not 2",
		`{"input": null}`:                                        `neither "input" with 64 numbers for groove, nor "valence" and "arousal"`,
		`{"valence": 1}`:                                         "neither",
		`{"valence": 1.5, "arousal": 0}`:                         "not in [-1, 1]",
		`{"valence": 0, "arousal": -0.5}`:                        "not in [-1, 1] and [0, 1]",
		`{"valence": "high", "arousal": 0}`:                      "this one has a JSON string in its place",
		`{"file": "a.wav", "input": null, "error": "is silent"}`: "is silent",
		`["a"]`: "this one has a JSON string in its place",
		`{"input": [` + strings.Repeat("null, ", 63) + `1]}`: "one of its numbers is null",
		"[1, 2": "unexpected EOF",
		" ":     "no input in it",
	} {
		list, err := m.PredictJSON(context.Background(), "-", strings.NewReader(text))
		require.NoError(t, err, text)
		require.Len(t, list, 1, text)
		if says != "" {
			assert.ErrorContains(t, list[0].Err, says, text)
			assert.Nil(t, list[0].Output, text)
			continue
		}
		require.NoError(t, list[0].Err, text)
		assert.Equal(t, "input 1", list[0].Part)
		if same == nil {
			same = list[0].Output
		}
		assert.Equal(t, same, list[0].Output, text)
	}
	// Several in a row, of which one is bad.
	list, err := m.PredictJSON(context.Background(), "-", strings.NewReader(string(row)+"\n[]\n"+string(row)))
	require.NoError(t, err)
	require.Len(t, list, 3)
	assert.Equal(t, same, list[2].Output)
	assert.ErrorContains(t, list[1].Err, "not 0")
	assert.Equal(t, "velocity_0", list[2].Values[0].Name)
	assert.InDelta(t, same[0], list[2].Values[0].Value, 0)
}

func TestPredictChords(t *testing.T) {
	m := fresh(t, "harmony")[1]
	file := filepath.Join(t.TempDir(), "song.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"name": "song", "key": "C", "chords": ["C","F","G","C","Am","F","G","C"]}]`), 0o600))
	list, err := m.Predict(context.Background(), file, file+"none")
	require.NoError(t, err)
	require.Len(t, list, 3)
	assert.Equal(t, "song [chord 5]", list[0].Part)
	assert.Equal(t, "song [after chord 8, the last]", list[1].Part)
	best := list[0].Top(5)
	require.Len(t, best, 5)
	assert.True(t, best[0].Value >= best[1].Value)
	sum := 0.0
	for i, v := range list[0].Values {
		assert.Equal(t, chords.ClassName(i), v.Name)
		assert.LessOrEqual(t, v.Value, best[0].Value)
		sum += v.Value
	}
	assert.InDelta(t, 1, sum, 1e-5)
	assert.ErrorContains(t, list[2].Err, "no such file")

	// What comes after the last chord is what would come there if there were more.
	more := filepath.Join(t.TempDir(), "more.json")
	require.NoError(t, os.WriteFile(more, []byte(`[{"name": "song", "key": "C", "chords": ["C","F","G","C","Am","F","G","C","F","F","F","F"]},
		{"name": "short", "key": "C", "chords": ["C","F","G"]}]`), 0o600))
	longer, err := m.Predict(context.Background(), more)
	require.NoError(t, err)
	require.Len(t, longer, 3)
	assert.Equal(t, "song [chord 9]", longer[1].Part)
	assert.Equal(t, longer[1].Input, list[1].Input)
	assert.InDeltaSlice(t, longer[1].Output, list[1].Output, 1e-6, "kernels for two rows may round otherwise than those for three")
}

func TestPredictNeedsFiniteOutputs(t *testing.T) {
	m := fresh(t, "groove")[0]
	torch.NoGrad(func() { nn.Parameters(m.module)[0].FillInPlace(math.NaN()) })
	list, err := m.PredictJSON(context.Background(), "-", strings.NewReader(`{"valence": 0, "arousal": 0}`))
	require.NoError(t, err)
	assert.ErrorContains(t, list[0].Err, "not finite")
}

// A network that learned from other features is refused, by its run and by its metadata.
func TestOtherFeatures(t *testing.T) {
	spec, err := models.ByName("emotion")
	require.NoError(t, err)
	run := func(name string, version int) *Identity {
		return &Identity{Versions: Versions{Features: map[string]int{name: version}}}
	}
	const feature = "emotion.logmel+clip"
	now := dataset.FeatureVersions()[feature]
	require.NotZero(t, now)
	assert.NoError(t, sameFeatures(spec, run(feature, now), nil))
	assert.NoError(t, sameFeatures(spec, run("melody.histogram", 1000), nil), "another network's")
	assert.ErrorContains(t, sameFeatures(spec, run(feature, now+1), nil), "version 3 of the feature emotion.logmel+clip, and this is version 2")

	m := fresh(t, "emotion")[1]
	entries := m.session.Metadata()
	assert.NoError(t, sameFeatures(spec, nil, entries))
	entries["etude.preprocessing"] = strings.Replace(entries["etude.preprocessing"], `"hop_length":512`, `"hop_length":256`, 1)
	assert.ErrorContains(t, sameFeatures(spec, nil, entries), "hop_length 256, and here it is 512")
	assert.ErrorContains(t, sameFeatures(spec, nil, map[string]string{"etude.preprocessing": `{"deltas": true}`}), "deltas true")
	assert.ErrorContains(t, sameFeatures(spec, nil, map[string]string{"etude.preprocessing": `{`}), "etude.preprocessing")
}
