// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// savedGroup is a group of a state dict that is being read.
type savedGroup struct {
	settings *torch.Dict
	state    []*torch.Dict // of each parameter, nil for none
}

// readDict takes a state dict apart. Its groups must have the sizes of params.
func readDict(d *torch.Dict, params [][]*torch.Tensor) ([]savedGroup, error) {
	if d == nil {
		return nil, errors.New("the state dict is nil")
	}
	list, err := torch.Value[[]any](d, "param_groups")
	if err != nil {
		return nil, err
	}
	states, err := torch.Value[*torch.Dict](d, "state")
	if err != nil {
		return nil, err
	}
	if len(list) != len(params) {
		return nil, fmt.Errorf("the state dict has %d groups of parameters, the optimizer %d", len(list), len(params))
	}
	groups := make([]savedGroup, len(list))
	for i, v := range list {
		settings, ok := v.(*torch.Dict)
		if !ok {
			return nil, fmt.Errorf("param_groups[%d] is %T, not a dict", i, v)
		}
		keys, err := torch.Value[[]any](settings, "params")
		if err != nil {
			return nil, fmt.Errorf("param_groups[%d]: %w", i, err)
		}
		if len(keys) != len(params[i]) {
			return nil, fmt.Errorf("group %d of the state dict has %d parameters, the optimizer's has %d", i, len(keys), len(params[i]))
		}
		groups[i] = savedGroup{settings, make([]*torch.Dict, len(keys))}
		for k, key := range keys {
			v, ok := lookUp(states, key)
			if !ok {
				continue
			}
			if groups[i].state[k], ok = v.(*torch.Dict); !ok {
				return nil, fmt.Errorf("state[%v] is %T, not a dict", key, v)
			}
		}
	}
	return groups, nil
}

// lookUp finds an integer key whichever Go type it was read as.
func lookUp(d *torch.Dict, key any) (any, bool) {
	if v, ok := d.Get(key); ok {
		return v, true
	}
	switch k := key.(type) {
	case int:
		return d.Get(int64(k))
	case int64:
		return d.Get(int(k))
	}
	return nil, false
}

// saved copies the state of one parameter from a state dict; the first error stays. The
// copies belong to no scope.
type saved struct {
	param *torch.Tensor
	dict  *torch.Dict
	err   error
}

// like copies a tensor of the parameter's shape, to its type and device.
func (s *saved) like(key string) *torch.Tensor {
	v, err := torch.Value[*torch.Tensor](s.dict, key)
	if err != nil {
		s.fail(err)
		return nil
	}
	if have, want := v.Shape(), s.param.Shape(); !slices.Equal(have, want) {
		s.fail(fmt.Errorf("%s has the shape %v, the parameter's is %v", key, have, want))
		return nil
	}
	t := zerosLike(s.param)
	s.fail(torch.Try(func() { torch.NoGrad(func() { t.CopyInPlace(v) }) }))
	return t
}

// count reads a number of steps: a tensor, or in files of older versions a number.
func (s *saved) count(key string) *torch.Tensor {
	r := &torch.DictReader{Dict: s.dict, Subject: "state"}
	n := r.Number(key)
	if !(n >= 0) {
		r.Fail("%s is %v, not a number of steps", key, n)
	}
	if r.Err != nil {
		s.fail(r.Err)
		return nil
	}
	t := newCount(s.param)
	t.FillInPlace(n)
	return t
}

func (s *saved) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}
