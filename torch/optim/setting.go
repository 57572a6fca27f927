// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// setting joins a setting, or a part of a state, with its key in PyTorch's state dict. The
// value is a pointer to a float64, an int, a bool, a [2]float64 or a []float64, or one of
// the types below. Anything else is a constant, which is written but not read.
type setting struct {
	key   string
	value any
}

// choice points to a bool for which PyTorch writes one of two words.
type choice struct {
	is      *bool
	no, yes string
}

// fixed holds a constant that must be the same in a state dict that has the key.
type fixed struct {
	value  any
	reason string // for errors
}

// optional points to a number that may be None or missing.
type optional struct{ number *float64 }

// word is a string for which PyTorch writes None if it is empty.
type word struct{ text *string }

// counts is a list of numbers that PyTorch writes as a dict of how often each occurs.
type counts struct{ numbers *[]int }

// noneOr is a tuple of two numbers, for the first of which PyTorch writes None if it is 0.
type noneOr struct{ first, second *float64 }

// written returns the settings as a dict of PyTorch's.
func written(list []setting) *torch.Dict {
	d := torch.NewDict()
	for _, s := range list {
		d.Set(s.key, s.plain())
	}
	return d
}

func (s setting) plain() any {
	switch v := s.value.(type) {
	case *float64:
		return *v
	case *int:
		return *v
	case *bool:
		return *v
	case *[2]float64:
		return torch.Tuple{v[0], v[1]}
	case *[3]float64:
		return torch.Tuple{v[0], v[1], v[2]}
	case word:
		if *v.text == "" {
			return nil
		}
		return *v.text
	case counts:
		d := torch.NewDict()
		for _, n := range *v.numbers {
			times, _ := d.Get(n)
			before, _ := times.(int)
			d.Set(n, before+1)
		}
		return d
	case noneOr:
		if *v.first == 0 {
			return torch.Tuple{nil, *v.second}
		}
		return torch.Tuple{*v.first, *v.second}
	case *[]float64:
		list := make([]any, len(*v))
		for i, x := range *v {
			list[i] = x
		}
		return list
	case choice:
		if *v.is {
			return v.yes
		}
		return v.no
	case fixed:
		return v.value
	case optional:
		return *v.number
	}
	return s.value
}

// read takes the value over from a dict that has the key, or fails.
func (s setting) read(r *torch.DictReader) {
	switch v := s.value.(type) {
	case *float64:
		*v = r.Number(s.key)
	case *int:
		*v = r.Count(s.key)
	case *bool:
		*v = torch.Read[bool](r, s.key)
	case *[2]float64:
		copy(v[:], r.Numbers(s.key, len(v)))
	case *[3]float64:
		copy(v[:], r.Numbers(s.key, len(v)))
	case word:
		*v.text = ""
		if is, _ := r.Dict.Get(s.key); is != nil {
			*v.text = torch.Read[string](r, s.key)
		}
	case counts:
		*v.numbers = nil
		for n, times := range torch.Read[*torch.Dict](r, s.key).All() {
			number, ok := n.(int)
			count, isInt := times.(int)
			if !ok || !isInt || count < 0 || count > 1e6 {
				r.Fail("%s has the entry %v: %v; both must be integers", s.key, n, times)
				return
			}
			*v.numbers = append(*v.numbers, slices.Repeat([]int{number}, count)...)
		}
	case noneOr:
		pair := torch.Read[torch.Tuple](r, s.key)
		if len(pair) == 2 && pair[0] == nil {
			pair = torch.Tuple{0, pair[1]}
		}
		numbers := &torch.DictReader{Dict: torch.NewDict(s.key, pair), Subject: r.Subject}
		if xs := numbers.Numbers(s.key, 2); numbers.Err == nil {
			*v.first, *v.second = xs[0], xs[1]
		} else {
			r.Fail("%v", numbers.Err)
		}
	case *[]float64:
		*v = r.Numbers(s.key, len(*v))
	case choice:
		word := torch.Read[any](r, s.key)
		if *v.is = word == any(v.yes); !*v.is && word != any(v.no) {
			r.Fail("%s is %v; it must be one of [%s %s]", s.key, word, v.no, v.yes)
		}
	case fixed:
		if is := torch.Read[any](r, s.key); is != v.value {
			r.Fail("%s is %v: %s", s.key, is, v.reason)
		}
	case optional:
		if is, _ := r.Dict.Get(s.key); is != nil {
			*v.number = r.Number(s.key)
		}
	}
}

// readAll takes over a scheduler's settings, which must all be there, and checks them.
func readAll(name string, d *torch.Dict, list []setting, check func()) error {
	if d == nil {
		return fmt.Errorf("optim.%s: the state dict is nil", name)
	}
	r := &torch.DictReader{Dict: d, Subject: "setting"}
	for _, s := range list {
		s.read(r)
	}
	if r.Err == nil {
		r.Err = torch.Try(check)
	}
	if r.Err != nil {
		return fmt.Errorf("optim.%s: %w", name, r.Err)
	}
	return nil
}
