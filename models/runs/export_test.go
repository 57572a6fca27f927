// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/internal/musictest"
	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/rtneural"
	"github.com/etude-ml/etude/torch/torchtest"
)

// sameNumbers allows for float32 spectra in the file, float64 ones in Go and in librosa.
const sameNumbers = 1e-5

// exported returns a network's file, opened.
func exported(t *testing.T, m *Model, o ExportOptions) *onnx.Session {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	check, err := m.Export(path, o)
	require.NoError(t, err)
	assert.LessOrEqual(t, float64(check.MaxAbsDiff), sameNumbers)
	torchtest.RunPython(t, "../../torch/onnx/testdata/check.py", path)
	sess, err := onnx.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { sess.Close() })
	return sess
}

// answer returns the output of a file for clips of one length.
func answer(t *testing.T, sess *onnx.Session, clips ...[]float64) []float32 {
	t.Helper()
	var samples []float32
	for _, c := range clips {
		for _, v := range c {
			samples = append(samples, float32(v))
		}
	}
	x := torch.FromSlice(samples, len(clips), len(clips[0]))
	defer x.Close()
	out, err := sess.Run(t.Context(), onnx.Feeds{sess.Inputs()[0].Name: x})
	require.NoError(t, err)
	y := out[sess.Outputs()[0].Name]
	defer y.Close()
	require.Equal(t, len(clips), y.Size(0))
	return y.Float32s()
}

// emotion returns an EmotionRecognizer whose answers depend clearly on its inputs, as those
// with initial weights do not.
func emotion(t *testing.T) *Model {
	t.Helper()
	spec, err := models.ByName("emotion")
	require.NoError(t, err)
	torch.ManualSeed(5)
	m := &Model{Path: "emotion.pt", Spec: spec, module: spec.New(torch.CPU)}
	t.Cleanup(m.Close)
	torch.NoGrad(func() {
		for _, p := range nn.Parameters(m.module) {
			p.MulScalarInPlace(2.5)
		}
	})
	return m
}

// features returns a network that returns its inputs, the features of a clip.
func features(t *testing.T) *Model {
	t.Helper()
	spec, err := models.ByName("emotion")
	require.NoError(t, err)
	spec.ONNXOutput = "features"
	fc := nn.NewLinear(spec.In, spec.In, torch.CPU, nn.LinearConfig{NoBias: true})
	torch.NoGrad(func() { fc.Weight.CopyInPlace(torch.Call("aten::eye", spec.In).Tensor()) })
	m := &Model{Path: "features.pt", Spec: spec, module: fc}
	t.Cleanup(m.Close)
	return m
}

func noise(n int) []float64 {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	x := make([]float64, n)
	for i := range x { // louder and louder, so that a wrong cut shows
		x[i] = float64(float32((2*rng.Float64() - 1) * (float64(i+1) / float64(n))))
	}
	return x
}

// The file answers as the features in Go and the network do one after the other, for clips
// of any length.
func TestExportFromSamples(t *testing.T) {
	torchtest.Need(t)
	m := emotion(t)
	plain, readout := exported(t, m, ExportOptions{FromSamples: true}), exported(t, m, ExportOptions{FromSamples: true, WithReadout: true, Opset: 21})
	assert.Equal(t, "audio_22050hz_2s float32 [batch_size samples]", plain.Inputs()[0].String())
	assert.Equal(t, "emotion_embedding float32 [batch_size 64]", plain.Outputs()[0].String())
	assert.Equal(t, "valence_arousal float32 [batch_size 2]", readout.Outputs()[0].String())
	assert.Contains(t, plain.Metadata()["etude.preprocessing"], `"sample_rate":22050,"seconds":2`)
	assert.Contains(t, plain.Metadata()["etude.labels"], "tanh(valence) 32 times")
	assert.JSONEq(t, `{"columns": ["valence", "arousal"], "ranges": {"valence": [-1, 1], "arousal": [0, 1]}}`, readout.Metadata()["etude.labels"])

	compare := func(clip *audio.Clip, what string) {
		x, err := clip.LogMel()
		require.NoError(t, err, what)
		var want []float32
		torch.Scope(func() { want = m.module.Forward(torch.FromSlice(x, 1, len(x))).Float32s() })
		assert.InDeltaSlice(t, want, answer(t, plain, clip.Samples), sameNumbers, what)
		assert.InDeltaSlice(t, m.Spec.Readout.Read(want), answer(t, readout, clip.Samples), sameNumbers, what)
	}
	for _, n := range []int{1, 511, 512, 700, 2048, 22050, 44100, 44101, 100_000} {
		compare(&audio.Clip{Samples: noise(n), Rate: audio.SampleRate}, "noise")
	}

	a, b := noise(3000), noise(4000)[1000:]
	assert.InDeltaSlice(t, append(answer(t, plain, a), answer(t, plain, b)...), answer(t, plain, a, b), 1e-6, "clips do not see each other")
	quiet := make([]float64, 3000)
	quiet[7] = 0.99e-4
	for i, v := range answer(t, readout, a, quiet) {
		assert.Equal(t, i >= 2, math.IsNaN(float64(v)), "silence has no answer")
	}

	t.Run("recordings", func(t *testing.T) {
		for _, clip := range referenceClips(t) {
			compare(clip.Clip, clip.name)
		}
	})
}

// The features in a file are librosa's.
func TestExportedFeatures(t *testing.T) {
	torchtest.Need(t)
	sess := exported(t, features(t), ExportOptions{FromSamples: true})
	worst, clips := 0.0, referenceClips(t)
	for _, clip := range clips {
		for i, v := range answer(t, sess, clip.Samples) {
			worst = max(worst, math.Abs(float64(v-clip.features[i])))
		}
	}
	assert.LessOrEqual(t, worst, sameNumbers)
	t.Logf("%d clips; the largest difference is %.1e", len(clips), worst)
}

type reference struct {
	*audio.Clip
	name     string
	features []float32
}

// referenceClips returns the clips at 22,050 Hz of which librosa's features are known; it skips
// the test where they are absent.
func referenceClips(t *testing.T) (list []reference) {
	t.Helper()
	folder := torchtest.SharedData(t, "reference_mel")
	for _, row := range musictest.Table(t, filepath.Join(folder, "index.csv")) {
		path := filepath.Join(folder, "..", row["audio"])
		if set, name, _ := strings.Cut(row["audio"], "/"); set == "emopia_rendered" {
			path = filepath.Join(folder, "../training/audio", name)
		}
		if _, err := os.Stat(path); err != nil || row["samplerate"] != "22050" {
			continue
		}
		clip, err := audio.Decode(path, audio.Seconds)
		require.NoError(t, err)
		list = append(list, reference{clip, row["audio"], musictest.NPY(t, filepath.Join(folder, row["npy"]))})
	}
	require.NotEmpty(t, list)
	return list
}

// Networks without a readout, or without features of sound, have neither.
func TestExportRefusesOptions(t *testing.T) {
	torchtest.Need(t)
	spec, err := models.ByName("melody")
	require.NoError(t, err)
	m := &Model{Path: "melody.pt", Spec: spec, module: spec.New(torch.CPU)}
	defer m.Close()
	path := filepath.Join(t.TempDir(), "model.onnx")
	_, err = m.Export(path, ExportOptions{FromSamples: true})
	assert.EqualError(t, err, "melody.pt: melody does not take features of sound, so its file cannot begin with samples: export it without them")
	_, err = m.Export(path, ExportOptions{WithReadout: true})
	assert.EqualError(t, err, "melody.pt: the outputs of melody have no readout: export it without one")
	assert.NoFileExists(t, path)
}

// Each network's RTNeural file says what libtorch computes. The tolerance is the issue's:
// sums of up to 512 numbers below 1 in float32.
func TestExportRTNeural(t *testing.T) {
	torchtest.Need(t)
	recurrent := map[string]bool{"emotion": true, "melody": true}
	torch.ForkRNG(func() {
		torch.ManualSeed(1)
		for _, s := range models.All() {
			weights, file := filepath.Join(t.TempDir(), "model.pt"), filepath.Join(t.TempDir(), "model.json")
			require.NoError(t, pt.Save(weights, nn.StateDict(s.New(torch.CPU))))
			m, err := OpenModel(weights, "")
			require.NoError(t, err)
			defer m.Close()
			check, err := m.ExportRTNeural(file, "")
			require.NoError(t, err, s.Name)
			t.Logf("%s: within %.1e of libtorch", s.Name, float64(check.MaxAbsDiff))
			assert.Equal(t, recurrent[s.Name], check.Reset, s.Name)
			net, err := rtneural.Open(file)
			require.NoError(t, err)
			assert.Equal(t, s.Name, net.Metadata["etude.network"])
			x := torchtest.Ramp(1, s.In)
			want, err := m.Forward(t.Context(), x.Float32s())
			require.NoError(t, err)
			for i, y := range net.Forward(x.Float64s()) {
				require.InDelta(t, want[i], y, 1e-6, s.Name)
			}
		}
	})
}
