// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Every operator gives the same bits in a recorded step as in an eager one, on inputs that
// change between the steps, or is refused because values leave the device.
func TestCasesReplay(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.NoLeaks(t)
	refused := map[string][]string{}
	for _, c := range All() {
		torch.Scope(func() {
			in := c.inputs()
			eager, err := c.steps(in, false)
			if !assert.NoError(t, err, c.Name) {
				return
			}
			replayed, err := c.steps(in, true)
			if err != nil && strings.Contains(err.Error(), "used after it was closed") {
				return // the case keeps tensors of its first call
			}
			if errors.Is(err, torch.ErrRefused) {
				_, why, _ := strings.Cut(err.Error(), "recorded: ")
				refused[why] = append(refused[why], c.Name)
				return
			}
			if assert.NoError(t, err, c.Name) {
				assert.Equal(t, eager, replayed, c.Name)
			}
		})
	}
	for why, names := range refused {
		assert.Regexp(t, "^(the host reads|the shape of what .* depends on values|the random generators are seeded)", why, names)
	}
	assert.Less(t, len(refused), 12)
}

// steps returns what six steps on copies of the inputs give, the first three on the same ones.
func (c *Case) steps(in list, recorded bool) (left [][]byte, err error) {
	var there, leaves list
	for _, x := range in {
		x = x.Clone()
		if c.Grad && x.DType().IsFloating() {
			leaves = append(leaves, x.SetRequiresGrad(true))
		}
		there = append(there, x)
	}
	step := func() list {
		torch.ZeroGrad(leaves)
		results := c.Run(torch.CPU, there)
		for i, y := range results {
			if y.RequiresGrad() {
				y.BackwardWith(y.Detach().MulScalar(0.5), true)
			}
			results[i] = y.Detach()
		}
		for _, x := range leaves {
			if g := x.Grad(); g != nil {
				results = append(results, g)
			}
		}
		return results
	}
	keep := func(results list) {
		for _, x := range results {
			left = append(left, x.Detach().Contiguous().Bytes())
		}
		torch.NoGrad(func() {
			for _, x := range there {
				if x.DType().IsFloating() {
					x.MulScalarInPlace(0.875)
				}
			}
		})
	}
	torch.ManualSeed(c.seed())
	if !recorded {
		for i := range 6 {
			if results := step(); i >= 2 {
				keep(results)
			}
		}
		return left, nil
	}
	r, err := torch.Record(step)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	keep(r.Results())
	for range 3 {
		if err := r.Replay(1); err != nil {
			return nil, err
		}
		keep(r.Results())
	}
	return left, nil
}
