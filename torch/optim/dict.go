// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// dictWriter builds a state dict in PyTorch's layout: parameters are numbered
// through all groups.
type dictWriter struct {
	dict   *torch.Dict
	state  *torch.Dict
	groups []any
	next   int
}

func newDictWriter() *dictWriter {
	state := torch.NewDict()
	return &dictWriter{dict: torch.NewDict("state", state, "param_groups", []any{}), state: state}
}

// group adds a group of n parameters; state returns nil for one without.
func (w *dictWriter) group(settings, extra *torch.Dict, n int, state func(int) *torch.Dict) {
	if extra != nil {
		for k, v := range extra.All() {
			settings.Set(k, v)
		}
	}
	params := make([]any, n)
	for i := range n {
		params[i] = w.next
		if s := state(i); s != nil {
			w.state.Set(w.next, s)
		}
		w.next++
	}
	settings.Set("params", params)
	w.groups = append(w.groups, settings)
	w.dict.Set("param_groups", w.groups)
}

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
	saved := make([]savedGroup, len(list))
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
		saved[i] = savedGroup{settings, make([]*torch.Dict, len(keys))}
		for k, key := range keys {
			v, ok := lookUp(states, key)
			if !ok {
				continue
			}
			if saved[i].state[k], ok = v.(*torch.Dict); !ok {
				return nil, fmt.Errorf("state[%v] is %T, not a dict", key, v)
			}
		}
	}
	return saved, nil
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

// settingsReader reads a group's settings; the first error stays. A setting that
// is missing is left as it is, as PyTorch completes files of older versions.
type settingsReader struct {
	dict *torch.Dict
	used []any
	err  error
}

func (g savedGroup) reader() *settingsReader {
	return &settingsReader{dict: g.settings, used: []any{"params"}}
}

func (r *settingsReader) get(key string) (any, bool) {
	r.used = append(r.used, key)
	return r.dict.Get(key)
}

func (r *settingsReader) wrong(key string, v any) {
	if r.err == nil {
		r.err = fmt.Errorf("the setting %s is %v, of type %T", key, v, v)
	}
}

func (r *settingsReader) number(key string, x *float64) {
	if v, ok := r.get(key); ok {
		if n, ok := asNumber(v); ok {
			*x = n
		} else {
			r.wrong(key, v)
		}
	}
}

func (r *settingsReader) flag(key string, b *bool) {
	if v, ok := r.get(key); ok {
		if is, ok := v.(bool); ok {
			*b = is
		} else {
			r.wrong(key, v)
		}
	}
}

// pair reads a tuple, or a list, of two numbers.
func (r *settingsReader) pair(key string, p *[2]float64) {
	v, ok := r.get(key)
	if !ok {
		return
	}
	list, ok := v.([]any)
	if t, isTuple := v.(torch.Tuple); isTuple {
		list, ok = t, true
	}
	if !ok || len(list) != 2 {
		r.wrong(key, v)
		return
	}
	for i := range p {
		if p[i], ok = asNumber(list[i]); !ok {
			r.wrong(key, v)
		}
	}
}

// ignore passes over settings that choose between PyTorch's implementations.
func (r *settingsReader) ignore(keys ...string) { r.used = append(r.used, asAny(keys)...) }

func asAny(keys []string) []any {
	out := make([]any, len(keys))
	for i, k := range keys {
		out[i] = k
	}
	return out
}

// rest returns what was not read, such as a scheduler's initial_lr.
func (r *settingsReader) rest() *torch.Dict {
	rest := torch.NewDict()
	for k, v := range r.dict.All() {
		if !slices.Contains(r.used, k) {
			rest.Set(k, v)
		}
	}
	return rest
}

// asNumber reads a number, or the value of a tensor of one, as PyTorch's lr may be.
func asNumber(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case *torch.Tensor:
		if x != nil && x.Numel() == 1 {
			return x.Item(), true
		}
	}
	return 0, false
}

// stateReader copies the state of one parameter; the first error stays. What it
// makes belongs to no scope.
type stateReader struct {
	param *torch.Tensor
	dict  *torch.Dict
	err   error
}

// like copies a tensor of the parameter's shape, to its type and device.
func (r *stateReader) like(key string) *torch.Tensor {
	v, err := torch.Value[*torch.Tensor](r.dict, key)
	if err != nil {
		r.fail(err)
		return nil
	}
	if have, want := v.Shape(), r.param.Shape(); !slices.Equal(have, want) {
		r.fail(fmt.Errorf("%s has the shape %v, the parameter's is %v", key, have, want))
		return nil
	}
	t := zerosLike(r.param)
	r.fail(torch.Try(func() { torch.NoGrad(func() { t.CopyInPlace(v) }) }))
	return t
}

// count reads a number of steps: a tensor, or in files of older versions a number.
func (r *stateReader) count(key string) *torch.Tensor {
	v, _ := r.dict.Get(key)
	n, ok := asNumber(v)
	if !ok || !(n >= 0) {
		r.fail(fmt.Errorf("%s is %v, not a number of steps", key, v))
		return nil
	}
	t := newCount(r.param)
	t.FillInPlace(n)
	return t
}

func (r *stateReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
