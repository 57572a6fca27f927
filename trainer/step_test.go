// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// twoInputs is the network of gen_step.py: no nn.Module.
type twoInputs struct {
	Left, Right, Number, Kind *nn.Linear
}

func (n *twoInputs) forward(x, z *torch.Tensor) (number, kind *torch.Tensor) {
	h := n.Left.Forward(x).Add(n.Right.Forward(z)).Tanh()
	return n.Number.Forward(h), n.Kind.Forward(h)
}

func (n *twoInputs) step(b data.Batch) Result {
	number, kind := n.forward(b.X, b.More["z"])
	mse, ce := nn.MSELoss(number, b.Y), nn.CrossEntropyLoss(kind, b.More["kind"])
	return Result{
		Loss: mse.Add(ce.MulScalar(0.5)), Output: kind, Target: b.More["kind"],
		Parts: map[string]*torch.Tensor{"number": mse, "class": ce},
	}
}

type stepValues struct{ Loss, Number, Class, Accuracy float64 }

type stepFile struct {
	Batch       int
	Seed        uint64
	LR          float64
	Start, Last goldenState
	Epochs      []struct{ Train, Val stepValues }
	Train, Val  struct {
		X, Z, Y []float32
		Kind    []int64
	}
}

// run is the case as a Run, with what frees it.
func (g *stepFile) run(tb testing.TB, d torch.Device) (Run, func()) {
	tb.Helper()
	text, err := os.ReadFile("testdata/step.json")
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(text, g))
	model := &twoInputs{nn.NewLinear(5, 6, d), nn.NewLinear(2, 6, d), nn.NewLinear(6, 1, d), nn.NewLinear(6, 3, d)}
	g.Start.load(tb, model)
	settings := optim.DefaultAdam()
	settings.LR = g.LR
	r := Run{
		Model: model, Step: model.step, Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Epochs: len(g.Epochs), BatchSize: g.Batch, Seed: g.Seed, ReadEvery: 3, Threads: 1, KeepLast: true,
	}
	torch.Scope(func() {
		var sets []*data.Set
		for _, s := range []struct {
			X, Z, Y []float32
			Kind    []int64
		}{g.Train, g.Val} {
			n := len(s.Y)
			cpu := []*torch.Tensor{torch.FromSlice(s.X, n, 5), torch.FromSlice(s.Z, n, 2), torch.FromSlice(s.Y, n, 1), torch.FromSlice(s.Kind)}
			torch.Unscoped(func() {
				for i, t := range cpu {
					cpu[i] = t.To(d).Clone()
				}
			})
			sets = append(sets, &data.Set{X: cpu[0], Y: cpu[2], More: map[string]*torch.Tensor{"z": cpu[1], "kind": cpu[3]}})
		}
		r.Train, r.Val = sets[0], sets[1]
	})
	train, val := inMemory(r.Train), inMemory(r.Val)
	return r, func() {
		train.Close()
		val.Close()
		for _, p := range nn.Parameters(model) {
			p.Close()
		}
		r, model = Run{}, nil // the optimizer's state is the garbage collector's
	}
}

// A network of two inputs and two outputs trains as in PyTorch's loop, 20 steps.
// Tolerances are those of TestFitAsPyTorch. On a device no step waits, and each epoch
// reads as seldom as that of a simple network.
func TestStepAsPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, device := range []torch.Device{torch.CPU, torchtest.Accelerator(t)} {
		var g stepFile
		r, free := g.run(t, device)
		r.AroundStep = func(step func()) { torchtest.ForbidTransfers(step) }
		before := torchtest.PretendTraffic()
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		got := torchtest.PretendTraffic().Since(before)
		if torchtest.IsPretend(device) {
			epochs := int64(len(g.Epochs))
			assert.Equal(t, torchtest.Traffic{Reads: epochs, ToHost: 3 * epochs, ToDevice: epochs, Calls: got.Calls}, got)
		}
		near := torchtest.Tolerance(device, 1e-6)
		for i, e := range h.Epochs {
			for prefix, want := range map[string]stepValues{"": g.Epochs[i].Train, "val_": g.Epochs[i].Val} {
				loss, acc := e.TrainLoss, e.TrainAcc
				if prefix != "" {
					loss, acc = e.ValLoss, e.ValAcc
				}
				assert.InEpsilon(t, want.Loss, loss, near)
				assert.Equal(t, want.Accuracy, acc)
				assert.InEpsilon(t, want.Number, e.More[prefix+"number"], near)
				assert.InEpsilon(t, want.Class, e.More[prefix+"class"], near)
			}
			assert.Len(t, e.More, 4)
		}
		g.Last.requireClose(t, r.Model, torchtest.Tolerance(device, weightsApart))
		want := h.Last()
		m, err := r.Evaluate(context.Background(), r.Val)
		require.NoError(t, err)
		assert.Equal(t, 9, m.Samples)
		torchtest.SameNumbers(t, device, []float64{want.ValLoss, want.ValAcc, want.More["val_number"], want.More["val_class"]},
			[]float64{m.Loss, m.Accuracy, m.More["number"], m.More["class"]}, "Evaluate")
		assert.True(t, math.IsNaN(m.MSE) && math.IsNaN(m.MAE), "classes have none")
		rows, err := r.Predict(context.Background(), r.Val)
		require.NoError(t, err)
		assert.Equal(t, []int{9, 3}, rows.Shape())
		set := inMemory(r.Val)
		torch.Scope(func() {
			_, kind := r.Model.(*twoInputs).forward(set.X, set.More["z"])
			assert.InDeltaSlice(t, kind.Float32s(), rows.Float32s(), torchtest.Tolerance(device, 1e-6))
		})
		rows.Close()
		free()
	}
}

// What Fit does with Step is what a loop of one's own does, bit for bit.
func TestStepAsALoop(t *testing.T) {
	torchtest.NoLeaks(t)
	var g stepFile
	r, free := g.run(t, torch.CPU)
	_, err := r.Fit(context.Background())
	require.NoError(t, err)
	want := stateOf(r.Model)
	free()

	r, free = g.run(t, torch.CPU)
	defer free()
	model, set := r.Model.(*twoInputs), inMemory(r.Train)
	torch.Threads(1, func() {
		for epoch := range r.Epochs {
			for b := range set.Batches(r.BatchSize, data.Order(set.Len(), r.Seed, epoch)) {
				r.Optimizer.ZeroGrad()
				number, kind := model.forward(b.X, b.More["z"])
				nn.MSELoss(number, b.Y).Add(nn.CrossEntropyLoss(kind, b.More["kind"]).MulScalar(0.5)).Backward()
				r.Optimizer.Step()
			}
		}
	})
	assert.Equal(t, want, stateOf(model))
}

// The parts stand in all files, and a break in the middle of an epoch changes none.
func TestResumeWithStep(t *testing.T) {
	torchtest.NoLeaks(t)
	var g stepFile
	report, err := VerifyResume(context.Background(), func() (Run, error) {
		r, free := g.run(t, torch.CPU)
		t.Cleanup(free)
		return r, nil
	}, []int{1, 2, 4, 7, 13, 20})
	require.NoError(t, err)
	assert.Nil(t, report.Difference)

	r, free := g.run(t, torch.CPU)
	defer free()
	r.Save, r.Resume = t.TempDir(), true
	around := &trial{r}
	_, err = around.Fit(around.interruptAfter(6))
	require.ErrorIs(t, err, errTest)
	want, err := r.Fit(context.Background())
	require.NoError(t, err)
	have, err := LoadHistory(filepath.Join(r.Save, HistoryFile))
	require.NoError(t, err)
	assert.Equal(t, results(want, true), results(have, true))
	assert.Len(t, have.more(), 4)
	c, err := LoadCheckpoint(filepath.Join(r.Save, LastFile), r.Model, nil)
	require.NoError(t, err)
	closeTensors(c.Extra)
	assert.Equal(t, want.Last().More["val_class"], c.Metrics["val_class"])
	assert.FileExists(t, filepath.Join(r.Save, PlotFile))
	assert.Contains(t, want.Last().String(), ", class 0.")
}

// A Step may leave the loss to Run.Loss; mistakes in a Result name the step.
func TestStepMistakes(t *testing.T) {
	torchtest.NoLeaks(t)
	plain := newTrial(1, torch.CPU, "")
	want, err := plain.Fit(context.Background())
	require.NoError(t, err)
	plain.close()

	r := newTrial(1, torch.CPU, "")
	r.Step = func(b data.Batch) Result { return Result{Output: r.forward(b.X), Target: b.Y} }
	have, err := r.Fit(context.Background())
	require.NoError(t, err)
	assert.Equal(t, results(want, false), results(have, false))
	r.close()

	for text, step := range map[string]func(Result, int) Result{
		"epoch 1, step 1: torch: Run.Step: the Result has no Loss": func(Result, int) Result { return Result{} },
		`step 2: torch: loss: the parts of the loss are ["a"] now, they were [] before`: func(r Result, n int) Result {
			if n == 2 {
				r.Parts = map[string]*torch.Tensor{"a": r.Loss}
			}
			return r
		},
		`"val_a" is empty, taken or a name that every history has`: func(r Result, _ int) Result {
			r.Parts = map[string]*torch.Tensor{"val_a": r.Loss}
			return r
		},
		"a loss to train by is a single value": func(r Result, _ int) Result {
			r.Parts = map[string]*torch.Tensor{"a": r.Output}
			return r
		},
	} {
		r := newTrial(1, torch.CPU, "")
		n, loss := 0, r.Loss
		r.Step = func(b data.Batch) Result {
			n++
			output := r.forward(b.X)
			return step(Result{Loss: loss(output, b.Y), Output: output, Target: b.Y}, n)
		}
		r.Loss = nil
		_, err := r.Fit(context.Background())
		require.ErrorContains(t, err, text)
		r.close()
	}
	_, err = Run{Model: &twoInputs{}, Loss: nn.MSELoss, Optimizer: plain.Optimizer, Train: plain.Train}.Fit(context.Background())
	require.ErrorContains(t, err, "Run.Model, a *trainer.twoInputs, is no nn.Module: it needs Run.Step")
}

// Targets that are neither classes nor numbers of the output's shape have no accuracy and no
// error; the loss is all there is.
func TestEvaluateWhatFits(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	val := inMemory(r.Val)
	y := torch.Stack([]*torch.Tensor{val.Y, val.Y}, 1)
	defer y.Close()
	r.Loss = func(output, target *torch.Tensor) *torch.Tensor { // several classes of each sample
		return nn.CrossEntropyLoss(output, target.Select(1, 0))
	}
	set := &data.Set{X: val.X, Y: y}
	m, err := r.Evaluate(context.Background(), set)
	require.NoError(t, err)
	assert.True(t, math.IsNaN(m.Accuracy) && math.IsNaN(m.MSE) && math.IsNaN(m.MAE), "%+v", m)
	assert.False(t, math.IsNaN(m.Loss))
	text, err := json.Marshal(Metrics{More: map[string]float64{"kl": math.NaN(), "f1": 0.5}})
	require.NoError(t, err)
	assert.Contains(t, string(text), `"metrics":{"f1":0.5,"kl":null}`)

	_, err = r.Evaluate(context.Background(), &unreadable{val})
	require.ErrorContains(t, err, "trainer: evaluate: clip-17.wav")
	_, err = r.Predict(context.Background(), &unreadable{val})
	require.ErrorContains(t, err, "trainer: predict: clip-17.wav")
	ctx, stop := context.WithCancelCause(context.Background())
	stop(errTest)
	_, err = r.Evaluate(ctx, set)
	require.ErrorIs(t, err, errTest)
	_, err = r.Predict(context.Background(), (*data.Set)(nil))
	require.ErrorContains(t, err, "Predict needs a model and a set")
	_, err = r.Evaluate(context.Background(), &data.Set{X: val.X})
	require.ErrorContains(t, err, "the set has no targets Y; Run.Step can train without them")
}

// Evaluate gives what the last validation gave, in lower precision too, in which Predict
// computes as well.
func TestEvaluateWithAutocast(t *testing.T) {
	torchtest.NoLeaks(t)
	golden := readGolden(t)
	for _, c := range golden.Cases {
		r, free := golden.run(t, c, torch.CPU)
		full, err := r.Evaluate(context.Background(), r.Val)
		require.NoError(t, err)
		r.Autocast, r.KeepLast, r.Epochs = torch.BFloat16, true, 2
		low, err := r.Evaluate(context.Background(), r.Val)
		require.NoError(t, err)
		assert.NotEqual(t, full.Loss, low.Loss)
		assert.InEpsilon(t, full.Loss, low.Loss, 1e-2, "bfloat16 has 8 bits")
		output, err := r.Predict(context.Background(), r.Val)
		require.NoError(t, err)
		assert.Equal(t, torch.BFloat16, output.DType(), "of the last layer, a linear one")
		output.Close()
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		m, err := r.Evaluate(context.Background(), r.Val)
		require.NoError(t, err)
		assert.Equal(t, h.Last().ValLoss, m.Loss)
		assert.Equal(t, c.classes(), math.IsNaN(m.MSE))
		free()
	}
}
