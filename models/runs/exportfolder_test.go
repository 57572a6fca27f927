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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

// checkFolders reads exported folders in Python, and returns by how much PyTorch's answer
// differs from ONNX Runtime's where they can be compared.
func checkFolders(t *testing.T, folders ...string) (differences map[string]*float64) {
	t.Helper()
	text := torchtest.RunPython(t, "testdata/folder.py", folders...)
	t.Logf("largest differences: %s", text)
	require.NoError(t, json.Unmarshal(text, &differences))
	require.Len(t, differences, len(folders))
	return differences
}

func readText(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	require.NoError(t, err)
	return string(text)
}

// The folder of each network, from weights alone, is read by the code on its card. 1e-5 is
// what Export allows between ONNX Runtime and libtorch.
func TestExportFolder(t *testing.T) {
	var plain, other []string
	dir := t.TempDir()
	for _, name := range models.Names() {
		m := fresh(t, name)[0]
		folder := filepath.Join(dir, name)
		check, remarks, err := m.ExportFolder(t.Context(), folder, FolderOptions{})
		require.NoError(t, err)
		assert.LessOrEqual(t, float64(check.MaxAbsDiff), sameNumbers)
		require.Len(t, remarks, 1)
		assert.Contains(t, remarks[0], "nothing of data, measures and training, because "+m.Path)
		plain = append(plain, folder)
		for _, text := range []string{"The data behind them and its licence are not known", "They are not known.", "It was exported with", m.Spec.About} {
			assert.Contains(t, readText(t, folder, "README.md"), text)
		}
		assert.NotContains(t, readText(t, folder, "README.md"), "license:")
	}
	m := emotion(t)
	for name, o := range map[string]ExportOptions{
		"samples": {FromSamples: true}, "readout": {WithReadout: true}, "both": {FromSamples: true, WithReadout: true, Opset: 20},
		"rounded": {Weights: torch.Int8},
	} {
		folder := filepath.Join(dir, name)
		_, _, err := m.ExportFolder(t.Context(), folder, FolderOptions{ExportOptions: o, License: "cc-by-4.0"})
		require.NoError(t, err)
		other = append(other, folder)
		card := readText(t, folder, "README.md")
		assert.Contains(t, card, "\nlicense: cc-by-4.0\n", name)
		assert.Equal(t, o.FromSamples, strings.Contains(card, `"full_scale": 1`), name)
		assert.Equal(t, o.WithReadout, strings.Contains(card, "The output is valence and arousal."), name)
		assert.Equal(t, o.Opset == 20, strings.Contains(card, "operator set 20"), name)
		assert.Equal(t, o.Weights == torch.Int8, strings.Contains(card, "`model.onnx` are rounded to int8. What rounding changes was not measured."), name)
		assert.Equal(t, o.Weights == torch.Int8, strings.Contains(card, "`etude infer model.onnx FILE`"), "the others take no such files")
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, len(plain)+len(other), "no drafts")

	found := checkFolders(t, append(plain, other...)...)
	for _, folder := range plain {
		require.NotNil(t, found[folder])
		assert.LessOrEqual(t, *found[folder], sameNumbers, folder)
	}

	// The file in it is one like any other.
	opened, err := OpenModel(filepath.Join(dir, "groove", "model.onnx"), "")
	require.NoError(t, err)
	defer opened.Close()
	mean, err := opened.constant()
	require.NoError(t, err, "its config.json is not a run's")
	assert.Nil(t, mean)
}

// residual adds what one layer takes to what it gives, which is not a chain.
type residual struct{ FC *nn.Linear }

func (m *residual) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC.Forward(x)
	return x.Add(x.Tanh())
}

// towers is a chain of every kind of layer.
type towers struct {
	GRU  *nn.GRU
	Last struct{ FC *nn.Linear }
}

func (m *towers) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.GRU.Forward(x.Unsqueeze(0)).Squeeze(0)
	return m.Last.FC.Forward(x.Sigmoid()).Softmax(1).Relu().Tanh()
}

// What is no chain has a folder too, whose card shows no class.
func TestExportFolderOfOthers(t *testing.T) {
	torchtest.Need(t)
	m := features(t)
	m.Spec.Title, m.Spec.About = "Not a name", ""
	fc := nn.NewLinear(m.Spec.In, m.Spec.Out, torch.CPU)
	defer free(fc)
	gru := nn.NewGRU(m.Spec.In, 6, torch.CPU, nn.RecurrentConfig{Layers: 2, NoBias: true})
	chain := &towers{GRU: gru}
	chain.Last.FC = nn.NewLinear(6, m.Spec.Out, torch.CPU, nn.LinearConfig{NoBias: true})
	defer free(chain)
	dir, was := t.TempDir(), m.module
	defer func() { m.module = was }()

	m.module = &residual{fc}
	_, remarks, err := m.ExportFolder(t.Context(), filepath.Join(dir, "residual"), FolderOptions{})
	require.NoError(t, err)
	require.Len(t, remarks, 2)
	assert.Regexp(t, `^the card shows no class for PyTorch, because aten::add at exportfolder_test\.go:\d+ .* is not a part of a chain of Linear`, remarks[0])
	m.module = chain
	_, remarks, err = m.ExportFolder(t.Context(), filepath.Join(dir, "chain"), FolderOptions{})
	require.NoError(t, err)
	require.Len(t, remarks, 1)
	card := readText(t, dir, "chain", "README.md")
	assert.Contains(t, card, "class Network(torch.nn.Sequential):")
	assert.Contains(t, card, "Not a name maps 128 numbers to 64.")

	found := checkFolders(t, filepath.Join(dir, "residual"), filepath.Join(dir, "chain"))
	assert.Nil(t, found[filepath.Join(dir, "residual")])
	require.NotNil(t, found[filepath.Join(dir, "chain")])
	assert.LessOrEqual(t, *found[filepath.Join(dir, "chain")], sameNumbers)
}

// A folder is written whole or not at all, and nothing that is not an export is replaced.
func TestExportFolderKeepsOthers(t *testing.T) {
	models := fresh(t, "groove")
	m, ctx := models[0], t.Context()
	dir := t.TempDir()
	folder, link := filepath.Join(dir, "a", "groove"), filepath.Join(dir, "link")
	export := func(folder string, replace bool) error {
		_, _, err := m.ExportFolder(ctx, folder, FolderOptions{Replace: replace})
		return err
	}
	require.NoError(t, os.MkdirAll(folder, 0o755), "an empty one is no matter")
	require.NoError(t, export(folder, false))
	assert.ErrorContains(t, export(folder, false), folder+": the folder holds an earlier export")
	card := filepath.Join(folder, "README.md")
	require.NoError(t, os.WriteFile(card, []byte("older"), 0o600))
	require.NoError(t, os.Symlink(folder, link))
	require.NoError(t, export(link, true))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
	assert.NotEqual(t, "older", readText(t, card))

	mine := filepath.Join(folder, "mine.txt")
	require.NoError(t, os.WriteFile(mine, nil, 0o600))
	assert.ErrorContains(t, export(folder, true), folder+": the folder holds mine.txt, which is not of an earlier export")
	assert.ErrorContains(t, export(mine, true), mine+": it is not a folder")
	require.NoError(t, os.Remove(mine))
	t.Chdir(folder)
	assert.ErrorContains(t, export(".", true), ".: it is the current folder: name another")
	t.Chdir(dir)

	// What fails leaves the earlier one, and no draft.
	require.NoError(t, os.WriteFile(card, []byte("older"), 0o600))
	cut, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = m.ExportFolder(cut, folder, FolderOptions{Replace: true})
	assert.ErrorIs(t, err, context.Canceled)
	torch.NoGrad(func() { nn.Parameters(m.module)[0].FillInPlace(math.NaN()) })
	assert.ErrorContains(t, export(folder, true), folder+": ")
	_, _, err = m.ExportFolder(ctx, filepath.Join(dir, "a", "samples"), FolderOptions{ExportOptions: ExportOptions{FromSamples: true}})
	assert.ErrorContains(t, err, "groove does not take features of sound")
	_, _, err = models[1].ExportFolder(ctx, filepath.Join(dir, "a", "onnx"), FolderOptions{})
	assert.ErrorContains(t, err, "it is an ONNX file already")
	assert.Equal(t, "older", readText(t, card))
	left, err := os.ReadDir(filepath.Dir(folder))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

// The card names the collections that samples come from, and their licences.
func TestCardCountsCollections(t *testing.T) {
	c := &card{Data: &DataInfo{Samples: 5, Root: "/home/me/my`music|"}, File: &onnx.Model{Inputs: []onnx.Value{{}}}}
	c.Spec.Outputs = func() []string { return nil }
	c.count(sampleList{
		Train: []sampleID{{Name: "deam/2.mp3"}, {Name: "own.wav"}, {Name: "deam.wav"}},
		Val:   []sampleID{{Name: "deam/3.mp3"}, {Name: "billboard/0003 [chord 5]"}},
	})
	require.Len(t, c.Sources, 2)
	assert.Equal(t, []int{2, 1, 2}, []int{c.Sources[0].Samples, c.Sources[1].Samples, c.Others})
	assert.Contains(t, c.Sources[0].Title, "DEAM")
	assert.Contains(t, c.Sources[1].Licence, "CC0")
	var text strings.Builder
	require.NoError(t, cardTemplate.Execute(&text, c))
	assert.Regexp(t, `(?m)^\| DEAM, [^|]* \| 2 \| the music is under Creative Commons`, text.String())
	assert.Contains(t, text.String(), "\nThe run does not say who made 2 of the samples")
	assert.Contains(t, text.String(), "from the folder `my_music_`:")
}
