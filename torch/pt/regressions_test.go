// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// regression describes the content of a file that another program wrote.
type regression struct {
	refused string         // the error of every function
	load    string         // the error of Load without Placeholders; "" for none
	values  map[string]any // some of Inspect's
	tensors map[string]any // all of LoadTensors; elements as float64, or nil for a shape that is not looked at
	check   func(t *testing.T, v any)
}

func f64(xs ...float64) []float64 { return xs }

// key returns the value of a dict's key.
func key(t *testing.T, v, k any) any {
	t.Helper()
	d, ok := v.(*torch.Dict)
	require.True(t, ok, "%T", v)
	x, ok := d.Get(k)
	require.True(t, ok, "%v of %v", k, d.Keys())
	return x
}

func TestRegressions(t *testing.T) {
	torchtest.Need(t)
	folder := filepath.Join(torchtest.SharedData(t), "regressions", "pt")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Skip(err)
	}
	ones := f64(1, 1)
	groove := func(prefix string) map[string]any {
		m := map[string]any{}
		for _, name := range []string{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"} {
			m[prefix+name] = nil
		}
		return m
	}
	plateau := func(t *testing.T, v any) {
		o := optim.NewSGD([]*torch.Tensor{torch.Ones([]int{1}).SetRequiresGrad(true)}, optim.SGDConfig{LR: 0.05})
		s := optim.NewReduceLROnPlateau(o, optim.DefaultReduceLROnPlateau())
		require.NoError(t, s.LoadStateDict(key(t, v, "sched").(*torch.Dict)))
		assert.InDelta(t, 0.5, key(t, s.StateDict(), "factor"), 0)
		assert.Equal(t, 1, key(t, s.StateDict(), "num_bad_epochs"))
		assert.InDelta(t, 0.9, key(t, s.StateDict(), "best"), 0)
	}
	cases := map[string]regression{
		"bytes_key.pt": {tensors: map[string]any{"b'a'": ones}, check: func(t *testing.T, v any) { key(t, v, []byte("a")) }},
		"datetime.pt": {load: "datetime.datetime", tensors: map[string]any{"w": ones},
			values: map[string]any{"p": "<datetime.datetime>", "d": "<datetime.timedelta>"}},
		"deque.pt":     {load: "collections.deque", tensors: map[string]any{"w": ones}, values: map[string]any{"p": "<collections.deque>"}},
		"dot_names.pt": {tensors: map[string]any{"['a.b']": f64(1), "['a']['b']": f64(0)}},
		"dtype_key.pt": {tensors: map[string]any{"torch.float32": ones}, check: func(t *testing.T, v any) { key(t, v, torch.Float32) }},
		"etude_adam_fused.pt": {values: map[string]any{"epoch": 1}, check: func(t *testing.T, v any) {
			assert.NotNil(t, key(t, v, "optimizer_state_dict"))
		}},
		"groove_lightning.pt": {tensors: groove("state_dict.net.")},
		"groove_module.pt":    {tensors: groove("module.")},
		"groove_nan.pt":       {tensors: groove("")},
		"jit.pt":              {refused: "it is a TorchScript program (torch.jit.save), not data; in Python, torch.save(torch.jit.load(path).state_dict(), "},
		"lit_omega.ckpt": {load: "omegaconf.dictconfig.DictConfig", values: map[string]any{"epoch": 2, "hyper_parameters.cfg": "<omegaconf.dictconfig.DictConfig>"},
			check: func(t *testing.T, v any) {
				assert.Equal(t, &pt.Object{Class: "omegaconf.dictconfig.DictConfig"}, key(t, key(t, v, "hyper_parameters"), "cfg"))
				assert.Equal(t, []int{4, 3}, key(t, key(t, v, "state_dict"), "net.0.weight").(*torch.Tensor).Shape())
			}},
		"none_key.pt": {tensors: map[string]any{"None": ones}, values: map[string]any{"a": 1}, check: func(t *testing.T, v any) { key(t, v, nil) }},
		"np_str_array.pt": {load: "a numpy array of the type U5 is not read", tensors: map[string]any{"w": ones},
			values: map[string]any{"names": "<numpy.ndarray>"}},
		"plateau_1.13.1.pt": {check: plateau},
		"plateau_2.1.2.pt":  {check: plateau},
		"py27_od.pth":       {tensors: map[string]any{"b": ones}, values: map[string]any{"a": 1}},
		"py27_opt.pth": {values: map[string]any{"epoch": 3}, check: func(t *testing.T, v any) {
			o := optim.NewAdam([]*torch.Tensor{torch.Ones([]int{2, 3}), torch.Ones([]int{2})}, optim.DefaultAdam())
			require.NoError(t, o.LoadStateDict(key(t, v, "optimizer").(*torch.Dict)))
			bias := key(t, key(t, key(t, o.StateDict(), "state"), 1), "exp_avg").(*torch.Tensor)
			assert.InDeltaSlice(t, f64(0.4, 0.4), bias.Float64s(), 1e-6) // as Python prints it
		}},
		"py27_state.pth": {check: func(t *testing.T, v any) {
			assert.Equal(t, []int{2, 3}, key(t, v, "0.weight").(*torch.Tensor).Shape())
			assert.True(t, v.(*torch.Dict).OrderedDict)
		}},
		"recursive.pt": {tensors: map[string]any{"w": ones}, values: map[string]any{"self": "<a dict that contains itself>"},
			check: func(t *testing.T, v any) { assert.Same(t, v, key(t, v, "self")) }},
		"surrogate.pt": {tensors: map[string]any{"w": ones}, values: map[string]any{"file": `caf\udce9.wav`},
			check: func(t *testing.T, v any) { assert.Equal(t, "caf\xed\xb3\xa9.wav", key(t, v, "file")) }},
		"tuple_keys.pt": {values: map[string]any{"('b', 2)": 3}, check: func(t *testing.T, v any) {
			assert.Equal(t, 3, key(t, v, torch.Tuple{"b", 2}))
		}},
	}
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			c, ok := cases[e.Name()]
			require.True(t, ok, "a file that is not in the table")
			path := filepath.Join(folder, e.Name())
			info, err := pt.Inspect(t.Context(), path)
			_, loadErr := pt.Load(path)
			tensors, tensorsErr := pt.LoadTensors(path, pt.LoadOptions{})
			v, placeholdersErr := pt.LoadWith(path, pt.LoadOptions{Placeholders: true})
			if c.refused != "" {
				for _, err := range []error{err, loadErr, tensorsErr, placeholdersErr} {
					assert.ErrorContains(t, err, c.refused)
				}
				return
			}
			require.NoError(t, err)
			require.NoError(t, tensorsErr)
			require.NoError(t, placeholdersErr)
			if c.load == "" {
				assert.NoError(t, loadErr)
			} else {
				assert.ErrorContains(t, loadErr, c.load)
			}
			for name, want := range c.values {
				got, ok := info.Values.Get(name)
				assert.True(t, ok && assert.ObjectsAreEqual(want, got), "%s is %v", name, got)
			}
			var listed, loaded []string
			for _, x := range info.Tensors {
				listed = append(listed, x.Name)
			}
			for _, x := range tensors {
				loaded = append(loaded, x.Name)
				if want := c.tensors[x.Name]; want != nil {
					assert.Equal(t, want, x.Tensor.Float64s(), x.Name)
				}
			}
			assert.Equal(t, listed, loaded)
			if c.tensors != nil {
				assert.ElementsMatch(t, slices.Collect(maps.Keys(c.tensors)), loaded)
			}
			if c.check != nil {
				c.check(t, v)
			}
		})
	}
	assert.Len(t, entries, len(cases))
}
