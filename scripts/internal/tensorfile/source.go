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
	list, err := pt.LoadTensors(path, pt.LoadOptions{Mmap: true})
	if err != nil {
		if list, err = pt.LoadTensors(path, pt.LoadOptions{}); err != nil {
			return nil, err
		}
	}
	found := tensors{}
	for _, t := range list {
		found[t.Name] = t.Tensor
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
	for name, t := range d.All() {
		found[name.(string)] = t.(*torch.Tensor)
	}
	return found, nil
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
