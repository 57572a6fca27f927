// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

var flatConfigs = []LSTMConfig{{}, {NoBias: true}, {Layers: 2, Bidirectional: true, BatchFirst: true}}

// storages counts the storages behind an LSTM's weights.
func storages(l *LSTM) int {
	ids := map[uint64]bool{}
	for _, w := range l.Weights {
		ids[w.Storage().ID] = true
	}
	return len(ids)
}

// On CUDA all weights of an LSTM lie in one storage, elsewhere each in its own.
func TestLSTMIsFlatOnCUDA(t *testing.T) {
	device := torchtest.Accelerator(t)
	torchtest.NoLeaks(t)
	for _, c := range flatConfigs {
		for _, d := range []torch.Device{torch.CPU, device} {
			l := NewLSTM(3, 4, d, c)
			want := len(l.Weights)
			if d.Type == torch.DeviceCUDA {
				want = 1
			}
			assert.Equal(t, want, storages(l), "%+v on %s", c, d)
			closeWeights(l)
		}
	}
}

// The call for CUDA fits its operator: libtorch complains about nothing but the device
// of the tensors.
func TestFlattenFitsItsOperator(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, c := range flatConfigs {
		l := NewLSTM(3, 4, torch.CPU, c)
		err := torch.Try(l.flattenForCuDNN)
		assert.ErrorContains(t, err, "Could not run 'aten::_cudnn_rnn_flatten_weight' with arguments from the 'CPU' backend")
		closeWeights(l)
	}
}

func closeWeights(l *LSTM) {
	for _, w := range l.Weights {
		w.Close()
	}
}

// lay does to the weights of an LSTM on the CPU what the operator does on CUDA: each
// becomes a view of one block, in place. (cuDNN's order is another one.)
func lay(l *LSTM) {
	torch.NoGrad(func() {
		torch.Scope(func() {
			n := 0
			for _, w := range l.Weights {
				n += w.Numel()
			}
			block, at := torch.Zeros([]int{n}), 0
			for _, w := range l.Weights {
				view := block.Narrow(0, at, w.Numel()).View(w.Shape()...)
				view.CopyInPlace(w)
				torch.Call("aten::set_.source_Tensor", w, view)
				at += w.Numel()
			}
		})
	})
}

// An LSTM whose weights lie in one block trains, is saved and is loaded as one whose
// weights do not.
func TestFlatLSTM(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, c := range flatConfigs {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			torch.Scope(func() {
				torch.ManualSeed(1)
				plain := NewLSTM(3, 4, torch.CPU, c)
				defer closeWeights(plain)
				torch.ManualSeed(1)
				flat := NewLSTM(3, 4, torch.CPU, c)
				defer closeWeights(flat)
				was := Parameters(flat)
				lay(flat)
				require.Equal(t, 1, storages(flat))
				same := func(what string) {
					t.Helper()
					require.Equal(t, StateDict(plain).Keys(), StateDict(flat).Keys(), what)
					for i, n := range NamedParameters(flat) {
						assert.Same(t, was[i], n.Tensor, "%s: %s", what, n.Name)
						assert.True(t, n.Tensor.IsLeaf() && n.Tensor.RequiresGrad(), "%s: %s", what, n.Name)
						// Products of memory that is aligned otherwise may be added otherwise.
						assert.InDeltaSlice(t, plain.Weights[i].Float32s(), n.Tensor.Float32s(), 1e-4, "%s: %s", what, n.Name)
					}
					assert.Equal(t, 1, storages(flat), what)
				}
				same("laid")

				x := torch.Randn([]int{5, 2, 3})
				one := torch.Randn([]int{2, 3})
				for _, l := range []*LSTM{plain, flat} {
					settings := optim.DefaultAdam()
					settings.LR = 0.1
					adam := optim.NewAdam(Parameters(l), settings)
					for range 3 {
						adam.ZeroGrad()
						l.Forward(x).Square().Sum().Add(l.Step(one).Sum()).Backward()
						adam.Step()
					}
				}
				same("trained")

				path := filepath.Join(t.TempDir(), "flat.pt")
				require.NoError(t, pt.Save(path, StateDict(flat)))
				torch.NoGrad(func() {
					for _, w := range flat.Weights {
						w.FillInPlace(0)
					}
				})
				saved, err := pt.LoadDict(path)
				require.NoError(t, err)
				require.NoError(t, LoadStateDict(flat, saved))
				same("loaded")
				for _, v := range saved.All() {
					v.(*torch.Tensor).Close()
				}
			})
		})
	}
}

// The real operator, on a stand-in for CUDA: the weights keep their values, and a
// forward pass copies none of them.
func TestStandInFlattens(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	device := torch.CUDA(1)
	for _, c := range flatConfigs {
		torch.Scope(func() {
			torch.ManualSeed(1)
			host := NewLSTM(3, 4, torch.CPU, c)
			defer closeWeights(host)
			torch.ManualSeed(1)
			l := NewLSTM(3, 4, device, c)
			defer closeWeights(l)
			assert.Equal(t, 1, storages(l), "%+v", c)
			for i, w := range l.Weights {
				assert.Equal(t, device, w.Device())
				assert.True(t, w.IsLeaf() && w.RequiresGrad())
				assert.Equal(t, host.Weights[i].Float32s(), w.Float32s(), "%+v, weight %d", c, i)
			}
			x := torch.Zeros([]int{5, 2, 3}, torch.Options{Device: device})
			log()
			l.Forward(x)
			work := log()
			assert.Contains(t, work, "1 lstm default", "%+v", c)
			assert.NotContains(t, work, "1 copy default", "%+v", c)
		})
	}
}
