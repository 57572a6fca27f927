// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/safetensors"
)

// tensors is a source of what libtorch has loaded.
type tensors map[string]*torch.Tensor

// loaded is a tensor of a tree, in the order of pt.Inspect.
type loaded struct {
	name   string
	tensor *torch.Tensor
}

// openPT loads the tensors that pt.Inspect has listed.
func openPT(path string, listed []inspect.Tensor) (source, error) {
	if err := torch.InitCPU(); err != nil {
		return nil, err
	}
	// Mapped, so that a large file takes no memory for what is not compared; old
	// formats cannot be.
	v, err := pt.LoadWith(path, pt.LoadOptions{Mmap: true})
	if err != nil {
		if v, err = pt.Load(path); err != nil {
			return nil, err
		}
	}
	found := tensors{}
	tree := walk(nil, "", v)
	for i, t := range tree {
		found[t.name] = t.tensor
		if len(tree) == len(listed) { // names that were not unique have been changed
			found[listed[i].Name] = t.tensor
		}
	}
	return found, nil
}

func openSafetensors(path string) (source, error) {
	if err := torch.InitCPU(); err != nil {
		return nil, err
	}
	d, err := safetensors.Load(path, torch.CPU)
	if err != nil {
		return nil, err
	}
	found := tensors{}
	for _, t := range walk(nil, "", d) {
		found[t.name] = t.tensor
	}
	return found, nil
}

// walk appends the tensors of a tree, with keys and indices joined by dots.
func walk(list []loaded, name string, v any) []loaded {
	inside := func(step any) string {
		if name == "" {
			return fmt.Sprint(step)
		}
		return fmt.Sprint(name, ".", step)
	}
	items := func(values []any) {
		for i, x := range values {
			list = walk(list, inside(i), x)
		}
	}
	switch v := v.(type) {
	case *torch.Tensor:
		list = append(list, loaded{name, v})
	case *torch.Dict:
		for key, x := range v.All() {
			list = walk(list, inside(key), x)
		}
		if v.Attributes != nil {
			list = walk(list, name, v.Attributes)
		}
	case []any:
		items(v)
	case torch.Tuple:
		items(v)
	}
	return list
}

func (s tensors) elements(name string) (raw []byte, err error) {
	t, ok := s[name]
	if !ok {
		return nil, fmt.Errorf("tensor %s was not found", name)
	}
	err = torch.Try(func() {
		torch.Scope(func() { raw = t.Detach().Contiguous().Bytes() })
	})
	return raw, err
}

func (s tensors) close() {
	for _, t := range s {
		t.Close()
	}
}
