// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// block and net are the generator's networks in Go.
type block struct {
	Norm *nn.LayerNorm
	RNN  *nn.LSTM
}

type net struct {
	Embedding *nn.Embedding
	Blocks    []block
	Head      nn.Sequential
	Tied      *nn.Embedding
	OutProj1  nn.Linear
	Average   *torch.Tensor `torch:"mean,buffer"` // before Scale here, after it in the state
	Scale     *torch.Tensor
	Missing   *nn.Linear
	NoBias    *torch.Tensor
	Old       *nn.Linear `torch:"-"`
	Sizes     []int
	Notes     map[string]string
	hidden    *nn.Linear `torch:"-"`
}

func newNet() *net {
	d := torch.CPU
	newBlock := func() block {
		return block{nn.NewLayerNorm([]int{4}, d), nn.NewLSTM(4, 2, d, nn.LSTMConfig{Bidirectional: true})}
	}
	n := &net{
		Embedding: nn.NewEmbedding(6, 4, d),
		Blocks:    []block{newBlock(), newBlock()},
		Head:      nn.NewSequential(nn.NewLinear(4, 3, d), nn.Tanh{}, nn.NewDropout(0.1), nn.NewLinear(3, 2, d, nn.LinearConfig{NoBias: true})),
		OutProj1:  *nn.NewLinear(2, 2, d),
		Average:   torch.Zeros([]int{4}),
		Scale:     torch.Ones([]int{4}).SetRequiresGrad(true),
		Old:       nn.NewLinear(1, 1, d),
		hidden:    nn.NewLinear(1, 1, d),
		Notes:     map[string]string{"a": "b"},
	}
	n.Tied = n.Embedding
	return n
}

func names(ts []nn.NamedTensor) (ns []string) {
	for _, n := range ts {
		ns = append(ns, n.Name)
	}
	return ns
}

func TestNamesAndOrderArePyTorchs(t *testing.T) {
	g := read(t)
	n := newNet()
	assert.Equal(t, g.Names.Parameters, names(nn.NamedParameters(n)))
	state := nn.StateDict(n)
	assert.Equal(t, g.Names.State, keys(state))
	assert.True(t, state.OrderedDict)
	assert.Len(t, nn.Parameters(n), len(g.Names.Parameters))

	total := 0
	for _, p := range nn.Parameters(*n) { // by value as well
		total += p.Numel()
	}
	assert.Equal(t, total, nn.ParameterCount(n))
}

type parent struct {
	Child *child
	base
	*nn.Dropout
}

type base struct{ Gain *torch.Tensor }

type child struct {
	FC *nn.Linear
	Up *parent
	up *parent
}

func TestWalk(t *testing.T) {
	torchtest.Need(t)
	p := &parent{Dropout: nn.NewDropout(0.5), Child: &child{FC: nn.NewLinear(1, 1, torch.CPU)}}
	p.Child.Up, p.Child.up = p, p
	assert.Equal(t, []string{"child.fc.weight", "child.fc.bias"}, names(nn.NamedParameters(p)), "the way up is not followed")

	nn.SetTraining(p, false)
	assert.False(t, p.Training, "an embedded layer")

	type Embedded struct{ Gain *torch.Tensor }
	type outer struct {
		Embedded
		LayerNorm1, HTTPServer, WeightIH, LSTM, FC2Out, X *torch.Tensor
	}
	one := torch.Ones([]int{1})
	o := &outer{Embedded{torch.Ones([]int{1})}, one, one, one, one, one, one}
	assert.Equal(t, []string{"gain", "layer_norm1", "http_server", "weight_ih", "lstm", "fc2_out", "x"}, keys(nn.StateDict(o)))

	for text, m := range map[string]any{
		"is a map with tensors": struct{ Layers map[string]*nn.Linear }{map[string]*nn.Linear{"a": nn.NewLinear(1, 1, torch.CPU)}},
		"not a *torch.Tensor": struct {
			A *nn.Linear `torch:",buffer"`
		}{},
		`option "bufer"`: struct {
			A *torch.Tensor `torch:"a,bufer"`
		}{},
		"would hide all other fields": struct {
			*nn.LSTM
			FC *nn.Linear
		}{LSTM: nn.NewLSTM(1, 1, torch.CPU)},
	} {
		assert.ErrorContains(t, torch.Try(func() { nn.Parameters(m) }), text)
	}
}

// call is a module that is a func.
type call func(*torch.Tensor) *torch.Tensor

func (f call) Forward(x *torch.Tensor) *torch.Tensor { return f(x) }

// hidden has fields that are not exported and cannot hide tensors.
type hidden struct {
	FC      *nn.Linear
	none    *nn.Linear
	nothing nn.Module
	empty   nn.Sequential
	absent  call
	names   map[string][]string
	t       *testing.T
	lock    *sync.Mutex
	any     any
	meant   *nn.Linear `torch:"-"`
	self    *hidden
	list    []struct{ a, b int }
}

func TestHiddenLayersPanic(t *testing.T) {
	torchtest.Need(t)
	fc := func() *nn.Linear { return nn.NewLinear(2, 2, torch.CPU) }
	ok := &hidden{
		FC: fc(), none: nil, nothing: nil, empty: nil, absent: nil, names: map[string][]string{"a": nil},
		t: t, lock: new(sync.Mutex), any: 3, meant: fc(), list: []struct{ a, b int }{{1, 2}},
	}
	ok.self = ok
	assert.Equal(t, []string{"fc.weight", "fc.bias"}, names(nn.NamedParameters(ok)))

	type layer struct{ fc *nn.Linear }
	type link struct {
		next *link
		fc   *nn.Linear
	}
	ring := &link{next: &link{}}
	ring.next.next = ring
	chain := &link{next: &link{fc: fc()}}
	for name, m := range map[string]any{
		"layer":                   &layer{fc()},
		"layer by value":          layer{fc()},
		"in an exported field":    struct{ Inner *layer }{&layer{fc()}},
		"in an exported slice":    []any{fc(), &layer{fc()}},
		"tensor":                  struct{ w *torch.Tensor }{torch.Ones([]int{1})},
		"struct":                  struct{ inner struct{ FC nn.Linear } }{struct{ FC nn.Linear }{*fc()}},
		"pointer to pointer":      struct{ inner **nn.Linear }{new(fc())},
		"slice":                   struct{ layers []*nn.Linear }{[]*nn.Linear{nil, fc()}},
		"array":                   struct{ layers [2]*nn.Linear }{[2]*nn.Linear{1: fc()}},
		"map":                     struct{ layers map[string]nn.Module }{map[string]nn.Module{"a": fc()}},
		"interface":               struct{ module nn.Module }{fc()},
		"any":                     struct{ module any }{[]any{1, fc()}},
		"sequential":              struct{ module nn.Sequential }{nn.NewSequential(fc())},
		"module without a tensor": struct{ drop *nn.Dropout }{nn.NewDropout(0.5)},
		"module by value":         struct{ drop nn.Dropout }{*nn.NewDropout(0.5)},
		"func that is a module":   struct{ f call }{func(x *torch.Tensor) *torch.Tensor { return x }},
		"embedded":                struct{ base }{base{torch.Ones([]int{1})}},
		"embedded pointer":        struct{ *base }{&base{torch.Ones([]int{1})}},
		"state dict":              struct{ state *torch.Dict }{torch.NewDict("a", torch.Ones([]int{1}))},
		"list":                    chain,
	} {
		err := torch.Try(func() { nn.Parameters(m) })
		assert.ErrorContains(t, err, "is not exported, so that it would be neither trained nor saved", name)
		assert.Error(t, torch.Try(func() { nn.StateDict(m) }), name)
		assert.Error(t, torch.Try(func() { nn.SetTraining(m, false) }), name)
	}
	assert.ErrorContains(t, torch.Try(func() { nn.Parameters(&layer{fc()}) }), "the field fc of nn_test.layer holds a *nn.Linear")
	assert.Empty(t, nn.Parameters(ring))
}

func TestSetTraining(t *testing.T) {
	torchtest.Need(t)
	n := newNet()
	drop := n.Head[2].(*nn.Dropout)
	assert.True(t, drop.Training)
	nn.SetTraining(n, false)
	assert.False(t, drop.Training)
	assert.False(t, n.Blocks[1].RNN.Training)
	nn.SetTraining(n, true)
	assert.True(t, drop.Training)
	assert.True(t, n.Blocks[0].RNN.Training)
}

// frozen keeps a layer in evaluation mode.
type frozen struct {
	Drop  *nn.Dropout
	Other *nn.Dropout
}

func (f *frozen) SetTraining(bool) { f.Drop.Training = false }

func TestTrainingMode(t *testing.T) {
	f := &frozen{nn.NewDropout(0.5), nn.NewDropout(0.5)}
	nn.SetTraining([]any{f}, true)
	assert.False(t, f.Drop.Training, "the network has the last word")
	assert.True(t, f.Other.Training)
}

func TestStateDictShares(t *testing.T) {
	torchtest.Need(t)
	l := nn.NewLinear(2, 2, torch.CPU)
	state := nn.StateDict(l)
	w, err := torch.Value[*torch.Tensor](state, "weight")
	require.NoError(t, err)
	assert.False(t, w.RequiresGrad())
	w.FillInPlace(3)
	assert.Equal(t, []float32{3, 3, 3, 3}, l.Weight.Float32s())
}

func TestLoadStateDict(t *testing.T) {
	torchtest.Need(t)
	torch.ManualSeed(1)
	from, to := newNet(), newNet()
	weight := to.Embedding.Weight
	require.False(t, from.Embedding.Weight.Equal(weight))
	require.NoError(t, nn.LoadStateDict(to, nn.StateDict(from)))
	assert.Same(t, weight, to.Embedding.Weight)
	assert.True(t, weight.RequiresGrad())
	for _, k := range nn.StateDict(from).Keys() {
		a, _ := nn.StateDict(from).Get(k)
		b, _ := nn.StateDict(to).Get(k)
		assert.True(t, a.(*torch.Tensor).Equal(b.(*torch.Tensor)), k)
	}
	from.Embedding.Weight.Detach().ZeroInPlace()
	assert.False(t, from.Embedding.Weight.Equal(weight), "a copy, not the same elements")

	// Another floating-point type is converted.
	l := nn.NewLinear(1, 2, torch.CPU)
	require.NoError(t, nn.LoadStateDict(l, torch.NewDict(
		"weight", torch.FromSlice([]float64{1, 2}, 2, 1), "bias", torch.FromSlice([]float64{3, 4}))))
	assert.Equal(t, []float32{3, 4}, l.Bias.Float32s())
}

func TestLoadStateDictIsStrict(t *testing.T) {
	torchtest.Need(t)
	l := nn.NewSequential(nn.NewLinear(2, 3, torch.CPU), nn.NewLinear(3, 1, torch.CPU))
	before := l[0].(*nn.Linear).Weight.Float32s()
	err := nn.LoadStateDict(l, torch.NewDict(
		"0.weight", torch.Zeros([]int{3, 2}), "0.bias", torch.Zeros([]int{4}), "1.weight", 3, "2.weight", torch.Zeros([]int{1})))
	assert.EqualError(t, err, "nn: the state dict does not fit the network: missing: 1.bias; unexpected: 2.weight; "+
		"0.bias has the shape [4], the network's is [3], 1.weight is no tensor but int")
	assert.Equal(t, before, l[0].(*nn.Linear).Weight.Float32s(), "nothing was loaded")
	assert.Error(t, nn.LoadStateDict(l, nil))
	assert.ErrorContains(t, nn.LoadStateDict(nn.Tanh{}, torch.NewDict(torch.Tuple{"a", 1}, 2, 3, 4)), "unexpected: [a 1], 3")
}

// The pretend accelerator is of a kind that libtorch cannot exchange with the CPU;
// what happens with CUDA is tested on the CPU, in state_test.go.
func TestToAnotherKindOfDevice(t *testing.T) {
	device := torchtest.Pretend(t)
	n := newNet()
	err := torch.Try(func() { nn.To(n, device) })
	assert.ErrorContains(t, err, "a tensor on cpu cannot become one on pretend:0; build the network on that device")
	for k, v := range nn.StateDict(n).All() {
		assert.Equal(t, torch.CPU, v.(*torch.Tensor).Device(), k)
	}
	nn.To(n, torch.CPU) // is there already

	there := nn.NewLinear(2, 2, device)
	nn.To(there, device)
	assert.Equal(t, device, there.Weight.Device())
}
