// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

// Program gotorch trains networks of linear layers in GoTorch, on demand. It reads questions as
// cpp/step.cpp does, "gotorch STEPS BATCH LR LOSS IN LAYER...", and answers as that does.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	torch "github.com/wangkuiyi/gotorch"
	"github.com/wangkuiyi/gotorch/nn"
	"github.com/wangkuiyi/gotorch/nn/initializer"
)

var activations = map[string]func(torch.Tensor) torch.Tensor{"tanh": torch.Tanh, "relu": torch.Relu, "sigmoid": torch.Sigmoid}

type training struct {
	lr              float64
	net             *nn.SequentialModule
	params, initial []torch.Tensor
	x, y            torch.Tensor
	adam            torch.Optimizer
}

// newTraining has the initial values of PyTorch, and the batch of gen_networks.py.
func newTraining(batch int, lr float64, loss string, in int, layers []string) (*training, error) {
	if loss != "mse" {
		return nil, fmt.Errorf("GoTorch has no loss %s", loss)
	}
	initializer.ManualSeed(42)
	var modules []nn.IModule
	width := in
	for _, layer := range layers {
		digits := strings.IndexAny(layer, "0123456789")
		activation, ok := activations[layer[:digits]]
		if !ok {
			return nil, fmt.Errorf("GoTorch has no layer %s", layer[:digits])
		}
		out, err := strconv.Atoi(layer[digits:])
		if err != nil {
			return nil, err
		}
		modules = append(modules, nn.Linear(int64(width), int64(out), true), nn.Functional(activation))
		width = out
	}
	x, y := make([]float32, batch*in), make([]float32, batch*width)
	for i := range x {
		x[i] = float32(float64(i*7919%1000) / 1000)
	}
	for i := range y {
		y[i] = float32(float64(i%width*7919%1000+i/width%64) / 1064)
	}
	t := &training{lr: lr, net: nn.Sequential(modules...),
		x: copied(torch.NewTensor(x).View(int64(batch), int64(in))), y: copied(torch.NewTensor(y).View(int64(batch), int64(width)))}
	runtime.KeepAlive(x) // a tensor of NewTensor has the slice's memory
	runtime.KeepAlive(y)
	t.params = t.net.Parameters()
	for _, p := range t.params {
		t.initial = append(t.initial, copied(p.Detach()))
	}
	return t, nil
}

func copied(t torch.Tensor) torch.Tensor { return torch.Add(t, t, 0) }

func (t *training) step() torch.Tensor {
	t.adam.ZeroGrad()
	d := torch.Sub(t.net.Forward(t.x).(torch.Tensor), t.y, 1)
	loss := torch.Mean(torch.Mul(d, d))
	loss.Backward()
	t.adam.Step()
	return loss
}

// train takes n steps from the start, each after a collection, as GoTorch wants it: nothing else
// tells Go how much memory its tensors hold.
func (t *training) train(n int, see func(loss torch.Tensor)) (ms float64) {
	for i, p := range t.params {
		p.SetData(copied(t.initial[i]))
	}
	t.adam = torch.Adam(t.lr, 0.9, 0.999, 1e-4)
	t.adam.AddParameters(t.params)
	start := time.Now()
	for range n {
		torch.GC()
		see(t.step())
	}
	ms = time.Since(start).Seconds() * 1e3 / float64(n)
	torch.FinishGC()
	return ms
}

func main() {
	threads, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	torch.SetNumThreads(int32(threads))
	fmt.Println("ready")
	trainings := map[string]*training{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		answer, err := answer(trainings, strings.Fields(lines.Text()))
		if err != nil {
			answer = "failed: " + err.Error()
		}
		fmt.Println(answer)
	}
}

func answer(trainings map[string]*training, words []string) (string, error) {
	key := strings.Join(words[2:], " ")
	t := trainings[key]
	if t == nil {
		batch, in, lr := 0, 0, 0.0
		if _, err := fmt.Sscan(strings.Join([]string{words[2], words[3], words[5]}, " "), &batch, &lr, &in); err != nil {
			return "", err
		}
		var err error
		if t, err = newTraining(batch, lr, words[4], in, words[6:]); err != nil {
			return "", err
		}
		trainings[key] = t
	}
	if words[1] != "losses" {
		n, err := strconv.Atoi(words[1])
		return fmt.Sprint(t.train(max(n, 1), func(torch.Tensor) {})), err
	}
	var losses []string
	t.train(5, func(loss torch.Tensor) { losses = append(losses, fmt.Sprint(loss.Item())) })
	return strings.Join(losses, " "), nil
}
