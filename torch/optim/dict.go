// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// savedGroup is a group of a state dict.
type savedGroup struct {
	settings *torch.Dict
	state    []*torch.Dict // of each parameter, nil for none
}

// readDict takes a state dict apart. Its groups must have the given numbers of parameters.
func readDict(d *torch.Dict, sizes []int) ([]savedGroup, error) {
	if d == nil {
		return nil, errors.New("the state dict is nil")
	}
	r := &torch.DictReader{Dict: d}
	list, states := torch.Read[[]any](r, "param_groups"), torch.Read[*torch.Dict](r, "state")
	if r.Err != nil {
		return nil, r.Err
	}
	if len(list) != len(sizes) {
		return nil, fmt.Errorf("the state dict has %d groups of parameters, the optimizer %d", len(list), len(sizes))
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
		if len(keys) != sizes[i] {
			return nil, fmt.Errorf("group %d of the state dict has %d parameters, the optimizer's has %d", i, len(keys), sizes[i])
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

// writeDict makes a state dict of groups, with the parameters numbered through all of them.
func writeDict(groups []savedGroup) *torch.Dict {
	states, list, next := torch.NewDict(), []any{}, 0
	for _, g := range groups {
		settings := torch.NewDict()
		for key, v := range g.settings.All() {
			settings.Set(key, v)
		}
		numbers := make([]any, len(g.state))
		for i, state := range g.state {
			numbers[i] = next
			if state != nil {
				states.Set(next, state)
			}
			next++
		}
		settings.Set("params", numbers)
		list = append(list, settings)
	}
	return torch.NewDict("state", states, "param_groups", list)
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
