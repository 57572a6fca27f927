// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

const (
	seed    = 42 // of gen_networks.py
	batch   = 64
	checked = 5 // first steps whose losses are compared
)

// network is what all contestants train. The five have their rows in models/testdata/gen_networks.py
// and the larger ones in step.py; what is written by hand reads layers.
type network struct {
	name     string
	in, out  int
	new      func() nn.Module
	loss     func(x, y *torch.Tensor) *torch.Tensor
	lr       float64
	layers   string   // loss, inputs and layers as in cpp/step.cpp; empty where these do not suffice
	products []string // of a step, as there; made of layers where these are given
}

func networks() (list []network) {
	layers := map[string]string{
		"emotion": "mse 128 tanh512 tanh256 lstm128 tanh64", "melody": "bce 64 relu256 lstm256 relu256 sigmoid128",
		"harmony": "kl 128 tanh256 tanh128 softmax64", "dynamics": "mse 32 relu128 relu64 sigmoid16", "groove": "mse 64 tanh128 tanh64 tanh32",
	}
	for _, s := range models.All() {
		list = append(list, network{s.Name, s.In, s.Out, func() nn.Module { return s.New(torch.CPU) }, s.Loss, s.LR, layers[s.Name], nil})
	}
	return append(list, convolution, transformer, gru, perceptron(2048))
}

var (
	convolution = network{"conv", 3 * 32 * 32, 10, func() nn.Module {
		padded := nn.ConvConfig{Padding: []int{1}}
		return nn.NewSequential(nn.Unflatten{Dim: 1, Sizes: []int{3, 32, 32}},
			nn.NewConv2d(3, 32, []int{3}, torch.CPU, padded), nn.NewBatchNorm2d(32, torch.CPU), nn.ReLU{}, nn.NewMaxPool2d([]int{2}),
			nn.NewConv2d(32, 64, []int{3}, torch.CPU, padded), nn.ReLU{}, nn.NewMaxPool2d([]int{2}),
			nn.DefaultFlatten(), nn.NewLinear(64*8*8, 10, torch.CPU))
	}, nn.MSELoss, 1e-3, "", []string{"1:fw:65536:32:27", "1:fwx:16384:64:288", "1:fwx:64:10:4096"}}

	transformer = network{"transformer", 32 * 128, 16, func() nn.Module {
		c := nn.DefaultTransformer()
		c.Feedforward, c.Dropout, c.BatchFirst = 256, 0, true
		return &transformerBlock{nn.NewTransformerEncoderLayer(128, 4, torch.CPU, c), nn.NewLinear(128, 16, torch.CPU)}
	}, nn.MSELoss, 1e-3, "", []string{"1:fw:2048:384:128", "512:fwx:32:32:32", "1:fwx:2048:128:128", "1:fwx:2048:256:128", "1:fwx:2048:128:256", "1:fwx:64:16:128"}}

	gru = network{"gru", 16 * 64, 32, func() nn.Module {
		return &gruNetwork{nn.NewGRU(64, 128, torch.CPU, nn.RecurrentConfig{BatchFirst: true}), nn.NewLinear(128, 32, torch.CPU)}
	}, nn.MSELoss, 1e-3, "", []string{"1:fw:1024:384:64", "16:fx:64:384:128", "1:w:1024:384:128", "1:fwx:64:32:128"}}
)

func perceptron(width int) network {
	return network{fmt.Sprintf("mlp%d", width), 128, 64, func() nn.Module {
		return nn.NewSequential(nn.NewLinear(128, width, torch.CPU), nn.Tanh{}, nn.NewLinear(width, width, torch.CPU), nn.Tanh{},
			nn.NewLinear(width, 64, torch.CPU), nn.Tanh{})
	}, nn.MSELoss, 1e-3, fmt.Sprintf("mse 128 tanh%d tanh%[1]d tanh64", width), nil}
}

type transformerBlock struct {
	Block *nn.TransformerEncoderLayer
	FC    *nn.Linear
}

func (m *transformerBlock) Forward(x *torch.Tensor) *torch.Tensor {
	return m.FC.Forward(m.Block.Forward(x.Unflatten(1, 32, 128)).Mean(1))
}

type gruNetwork struct {
	GRU *nn.GRU
	FC  *nn.Linear
}

func (m *gruNetwork) Forward(x *torch.Tensor) *torch.Tensor {
	return m.FC.Forward(m.GRU.Forward(x.Unflatten(1, 16, 64)).Select(1, -1))
}

// question is what a program that was written by hand is asked.
func (n *network) question(variant, steps string, batch int) string {
	kind, rest, _ := strings.Cut(n.layers, " ")
	return fmt.Sprint(variant, " ", steps, " ", batch, " ", n.lr, " ", kind, " ", rest)
}

// least is the question for the least that a step can take.
func (n *network) least(steps string, batch int) string {
	products := n.products
	words := strings.Fields(n.layers)
	width := n.in
	for i, word := range words[min(2, len(words)):] {
		kind := layer.FindStringSubmatch(word)
		out, _ := strconv.Atoi(kind[2])
		kinds, rows := "fwx", []int{out}
		if i == 0 {
			kinds = "fw"
		}
		if kind[1] == "lstm" { // the gates that a state of zeros leaves
			rows = []int{out, 2 * out}
		}
		for _, r := range rows {
			products = append(products, fmt.Sprintf("1:%s:%d:%d:%d", kinds, batch, r, width))
		}
		width = out
	}
	parameters := 0
	for _, p := range nn.Parameters(n.new()) {
		parameters += p.Numel()
	}
	return fmt.Sprint("least ", steps, " ", parameters, " ", strings.Join(products, " "))
}

var layer = regexp.MustCompile(`^([a-z]+)([0-9]+)$`)

// training is a network that Etude trains.
type training struct {
	network
	model, fresh nn.Module // fresh keeps the initial values
	opt          *optim.Adam
	x, y         *torch.Tensor
	recording    *torch.Recording
}

// newTraining has the batch of gen_networks.py, whose rows of targets repeat from the 65th on.
func newTraining(n network, batch int) *training {
	x, y := make([]float32, batch*n.in), make([]float32, batch*n.out)
	for i := range x {
		x[i] = float32(float64(i*7919%1000) / 1000)
	}
	for i := range y {
		y[i] = float32(float64(i%n.out*7919%1000+i/n.out%64) / 1064)
	}
	t := &training{network: n}
	torch.Unscoped(func() {
		torch.ManualSeed(seed)
		t.model = n.new()
		torch.ManualSeed(seed)
		t.fresh = n.new()
		t.x, t.y = torch.FromSlice(x, batch, n.in), torch.FromSlice(y, batch, n.out)
	})
	c := optim.DefaultAdam()
	c.LR, c.WeightDecay = n.lr, 1e-4
	t.opt = optim.NewAdam(nn.Parameters(t.model), c)
	return t
}

func (t *training) step() *torch.Tensor {
	t.opt.ZeroGrad()
	loss := t.loss(t.model.(interface {
		Forward(x *torch.Tensor) *torch.Tensor
	}).Forward(t.x), t.y)
	loss.Backward()
	t.opt.Step()
	return loss.Detach()
}

func (t *training) record() error {
	var err error
	torch.Unscoped(func() { t.recording, err = torch.Record(func() []*torch.Tensor { return []*torch.Tensor{t.step()} }) })
	return err
}

// reset makes what is timed always the same: weights may decay to denormal numbers.
func (t *training) reset() (err error) {
	torch.Scope(func() {
		err = nn.LoadStateDict(t.model, nn.StateDict(t.fresh))
		state, _ := t.opt.StateDict().Get("state")
		for _, of := range state.(*torch.Dict).All() {
			for _, value := range of.(*torch.Dict).All() {
				value.(*torch.Tensor).ZeroInPlace()
			}
		}
	})
	return err
}

func (t *training) losses() (list []float64, err error) {
	err = t.reset()
	for range checked {
		torch.Scope(func() {
			if t.recording == nil {
				list = append(list, t.step().Item())
				return
			}
			err = errors.Join(err, t.recording.Replay(1))
			list = append(list, t.recording.Results()[0].Item())
		})
	}
	return list, err
}

func (t *training) time(n int) (float64, error) {
	if err := t.reset(); err != nil {
		return 0, err
	}
	start := time.Now()
	if t.recording != nil {
		err := t.recording.Replay(n)
		return time.Since(start).Seconds() * 1e3 / float64(n), err
	}
	for range n {
		torch.Scope(func() { t.step() })
	}
	return time.Since(start).Seconds() * 1e3 / float64(n), nil
}

func (t *training) close() {
	if t.recording != nil {
		t.recording.Close()
	}
	for _, x := range slices.Concat(nn.Parameters(t.model), nn.Parameters(t.fresh), []*torch.Tensor{t.x, t.y}) {
		x.Close()
	}
}
