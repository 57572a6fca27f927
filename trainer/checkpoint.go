// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
)

// Checkpoint holds what a checkpoint file contains beside the states of the network and
// the optimizer.
type Checkpoint struct {
	Epoch   int                // the last finished one, from 0; -1 before any
	Loss    float64            // its validation loss, or without validation its training loss; NaN for none
	Metrics map[string]float64 // its measures; a value that is not finite is None in the file
	// Extra is more to store under the key "etude": a tree as torch/pt takes it, or nil.
	Extra *torch.Dict
}

// SaveCheckpoint writes what PyTorch's users write, and read back with
// torch.load(path, weights_only=True):
//
//	{"epoch", "model_state_dict", "optimizer_state_dict", "loss", "metrics", "etude"}
//
// optimizer may be nil. The file is replaced as a whole or not at all.
func SaveCheckpoint(path string, model any, optimizer optim.Optimizer, c Checkpoint) error {
	var err error
	tried := torch.Try(func() {
		torch.Scope(func() { err = pt.Save(path, checkpointDict(model, optimizer, c)) })
	})
	if err = errors.Join(tried, err); err != nil {
		return fmt.Errorf("trainer: checkpoint: %w", err)
	}
	return nil
}

func checkpointDict(model any, optimizer optim.Optimizer, c Checkpoint) *torch.Dict {
	metrics := &torch.Dict{}
	for _, name := range slices.Sorted(maps.Keys(c.Metrics)) {
		metrics.Set(name, number(c.Metrics[name]))
	}
	d := torch.NewDict("epoch", c.Epoch, "model_state_dict", nn.StateDict(model))
	if optimizer != nil {
		d.Set("optimizer_state_dict", optimizer.StateDict())
	}
	d.Set("loss", number(c.Loss))
	d.Set("metrics", metrics)
	if c.Extra != nil {
		d.Set("etude", c.Extra)
	}
	return d
}

// LoadCheckpoint reads what SaveCheckpoint, or a Python program, wrote, into
// model and optimizer, on whatever devices they are. optimizer may be nil. Names
// and shapes that do not fit are an error that lists them.
//
// Tensors in Extra are on the CPU and belong to no scope.
func LoadCheckpoint(path string, model any, optimizer optim.Optimizer) (Checkpoint, error) {
	var c Checkpoint
	d, err := pt.LoadDict(path)
	if err != nil {
		return c, fmt.Errorf("trainer: checkpoint: %w", err)
	}
	if c, err = readCheckpoint(d, model, optimizer); err != nil {
		closeTensors(d)
		return c, fmt.Errorf("trainer: checkpoint %s: %w", path, err)
	}
	for _, key := range []string{"model_state_dict", "optimizer_state_dict"} {
		if v, ok := d.Get(key); ok {
			closeTensors(v)
		}
	}
	return c, nil
}

func readCheckpoint(d *torch.Dict, model any, optimizer optim.Optimizer) (Checkpoint, error) {
	r := &torch.DictReader{Dict: d}
	state := torch.Read[*torch.Dict](r, "model_state_dict")
	c := Checkpoint{Epoch: torch.Read[int](r, "epoch"), Loss: math.NaN()}
	if _, ok := d.Get("loss"); ok {
		c.Loss = readFloat(r, "loss")
	}
	if v, _ := d.Get("metrics"); v != nil {
		metrics := torch.Read[*torch.Dict](r, "metrics")
		if r.Err == nil {
			c.Metrics = map[string]float64{}
			for key := range metrics.All() {
				// Skip values that are not numbers; other programs may add them.
				name, _ := key.(string)
				if x := readFloat(&torch.DictReader{Dict: metrics}, name); isFinite(x) {
					c.Metrics[name] = x
				}
			}
		}
	}
	if _, ok := d.Get("etude"); ok {
		c.Extra = torch.Read[*torch.Dict](r, "etude")
	}
	if r.Err != nil {
		return c, r.Err
	}
	if err := nn.LoadStateDict(model, state); err != nil {
		return c, err
	}
	if optimizer == nil {
		return c, nil
	}
	saved := torch.Read[*torch.Dict](r, "optimizer_state_dict")
	if r.Err != nil {
		return c, r.Err
	}
	return c, optimizer.LoadStateDict(saved)
}

// closeTensors frees the tensors in a tree.
func closeTensors(v any) {
	switch v := v.(type) {
	case *torch.Tensor:
		v.Close()
	case *torch.Dict:
		for _, x := range v.All() {
			closeTensors(x)
		}
	case []any:
		for _, x := range v {
			closeTensors(x)
		}
	case torch.Tuple:
		closeTensors([]any(v))
	}
}
