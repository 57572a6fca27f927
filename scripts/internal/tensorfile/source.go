// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/safetensors"
)

// tensors is a source of what libtorch has loaded.
type tensors map[string]*torch.Tensor

func openPT(path string) (source, error) {
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
	found.add("", v)
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
	found.add("", d)
	return found, nil
}

// add finds the tensors of a tree by the names that pt.Inspect gives them.
func (s tensors) add(name string, v any) {
	inside := func(step any) string {
		if name == "" {
			return fmt.Sprint(step)
		}
		return fmt.Sprint(name, ".", step)
	}
	items := func(list []any) {
		for i, x := range list {
			s.add(inside(i), x)
		}
	}
	switch v := v.(type) {
	case *torch.Tensor:
		s[name] = v
	case *torch.Dict:
		for key, x := range v.All() {
			s.add(inside(key), x)
		}
		if v.Attributes != nil {
			s.add(name, v.Attributes)
		}
	case []any:
		items(v)
	case torch.Tuple:
		items(v)
	}
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
