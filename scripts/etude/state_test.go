// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// prefixed is a state dict whose names have a prefix.
func prefixed(state *torch.Dict, prefix string) *torch.Dict {
	d := &torch.Dict{OrderedDict: true}
	for name, v := range state.All() {
		d.Set(prefix+name.(string), v)
	}
	return d
}

// Weights are found under the prefixes of wrappers and one level down, by export,
// diff, evaluate and train --init, which name the place.
func TestWeightsInOtherPlaces(t *testing.T) {
	torchtest.Need(t)
	dir, data := t.TempDir(), corpus(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	state := nn.StateDict(models.NewGroovePredictor(torch.CPU))
	require.NoError(t, pt.Save(in("plain.pt"), state))
	other := nn.StateDict(models.NewGroovePredictor(torch.CPU))
	for name, c := range map[string]struct {
		file *torch.Dict
		says string
	}{
		"module":    {prefixed(state, "module."), `the weights of groove are those under "module."`},
		"compiled":  {prefixed(state, "_orig_mod."), `"_orig_mod."`},
		"lightning": {torch.NewDict("epoch", 3, "state_dict", prefixed(state, "net."), "optimizer_states", []any{}), `"state_dict.net."`},
		"under key": {torch.NewDict("model", state, "lr", 0.1), `"model."`},
		"averaged":  {torch.NewDict("model", state, "ema", other), `those under ["ema."] are not used`},
	} {
		path := in(name + ".pt")
		require.NoError(t, pt.Save(path, c.file))
		r := run(t, "export", path, "-o", in(name+".onnx"))
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stderr, c.says, name)
		r = run(t, "diff", in("plain.pt"), in(name+".onnx"))
		assert.Equal(t, 0, r.code, "%s: %s", name, r.stdout)
		r = run(t, "diff", in("plain.pt"), path, "--tensors")
		assert.Equal(t, 0, r.code, "%s: %s", name, r.stdout)
		assert.Contains(t, r.stdout, "is compared")
	}
	r := run(t, "evaluate", in("lightning.pt"), "--data", data)
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, `"state_dict.net."`)

	// With a rate of nearly nothing, training ends where it started.
	r = run(t, "train", "groove", "--data", data, "--out", in("run"), "--init", in("lightning.pt"), "--epochs", "1", "--lr", "1e-12")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, `"state_dict.net."`)
	trained, err := pt.LoadDict(in("run/groove/model.pt"))
	require.NoError(t, err)
	for name, v := range state.All() {
		w, _ := trained.Get(name)
		assert.InDeltaSlice(t, v.(*torch.Tensor).Float64s(), w.(*torch.Tensor).Float64s(), 1e-6, name)
	}
	assert.Equal(t, in("lightning.pt"), parseFile(t, in("run/groove/config.json"))["init"])

	// The error about a file that does not fit lists what it holds.
	require.NoError(t, pt.Save(in("wrong.pt"), torch.NewDict("state_dict", torch.NewDict("fc1.weight", torch.Ones([]int{2, 3})), "note", "x")))
	for _, args := range [][]string{
		{"export", in("wrong.pt")}, {"export", in("wrong.pt"), "--network", "groove"}, {"evaluate", in("wrong.pt"), "--data", data},
		{"train", "groove", "--data", data, "--out", in("run2"), "--init", in("wrong.pt")},
	} {
		r := run(t, args...)
		assert.Equal(t, 1, r.code, args)
		assert.Contains(t, r.stderr, "It holds 1 tensors: state_dict.fc1.weight [2 3]", args)
	}
	for want, args := range map[string][]string{
		"--init gives one network its weights; name it": {"train", "all", "--data", data, "--init", in("plain.pt")},
		"give one of them": {"train", "groove", "--data", data, "--init", in("plain.pt"), "--resume"},
	} {
		r := run(t, args...)
		assert.Equal(t, 2, r.code)
		assert.Contains(t, r.stderr, want)
	}
	_, err = os.Stat(in("run2/groove/last.pt"))
	assert.Error(t, err)
}
