// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/safetensors"
)

// ReadTensors reads named tensors from a file of NumPy (.npz), safetensors (.safetensors)
// or PyTorch (.pt, .pth, with the names that package pt gives them). They keep their
// types; a tensor alone keeps its shape too, [n, …], and several of [n] or [n, columns]
// are joined. Of c, only Inputs, Targets, More and Device may be set. If Inputs is nil, X
// is the tensor that nothing else names, which must be the only one.
//
//	set, err := files.ReadTensors("mnist.npz", files.Columns{
//		Inputs: []string{"x_train"}, Targets: []string{"y_train"},
//	})
func ReadTensors(path string, c Columns) (*Content, error) {
	file, err := load(path)
	if err != nil {
		return nil, err
	}
	defer file.close()
	content, err := file.content(c)
	if err != nil {
		return nil, fmt.Errorf("files: %s: %w", path, err)
	}
	return content, nil
}

func (file *container) content(c Columns) (*Content, error) {
	if c.Names != "" || c.Groups != "" || c.Classes != nil || c.Missing != nil || c.Fill != nil || c.SkipBad || c.NoHeader || c.Comma != 0 {
		return nil, errors.New("only Inputs, Targets, More and Device can be set for a file of tensors")
	}
	given := c.Inputs != nil
	used, err := c.named("tensor", file.names)
	if err != nil {
		for _, skip := range file.skipped {
			err = fmt.Errorf("%w; %q was left out: %s", err, skip.Name, skip.Reason)
		}
		return nil, err
	}
	if !given && len(c.Inputs) > 1 {
		return nil, fmt.Errorf("the tensors %q could all be inputs; name some in Inputs", c.Inputs)
	}
	out := &Content{Inputs: c.Inputs, Skipped: file.skipped}
	n := -1
	for _, name := range file.names {
		t := file.tensors[name]
		switch {
		case !slices.Contains(used, name):
			out.Unused = append(out.Unused, name)
		case t.Dim() == 0 || n >= 0 && t.Size(0) != n:
			return nil, fmt.Errorf("tensor %q is %v; its first size must count the samples, as in all others", name, t.Shape())
		default:
			n = t.Size(0)
		}
	}
	if n == 0 {
		return nil, errors.New("it holds no samples")
	}
	if out.Set, err = c.set(func(name string) *torch.Tensor { return file.tensors[name] }); err != nil {
		return nil, err
	}
	return out, nil
}

// load reads all tensors of a file, by its extension. Its errors name the file.
func load(path string) (*container, error) {
	c := &container{}
	switch extension := filepath.Ext(path); extension {
	case ".npz":
		return open(path, readNpz)
	case ".safetensors":
		dict, err := safetensors.Load(path, torch.CPU)
		if err != nil {
			return nil, fmt.Errorf("files: %w", err)
		}
		for name, t := range dict.All() {
			c.add(name.(string), t.(*torch.Tensor))
		}
	case ".pt", ".pth":
		list, err := pt.LoadTensors(path, pt.LoadOptions{})
		if err != nil {
			return nil, fmt.Errorf("files: %w", err)
		}
		for _, named := range list {
			c.add(named.Name, named.Tensor)
		}
	default:
		return nil, fmt.Errorf("files: %s: a file %q; .npz, .safetensors, .pt and .pth can be read here, and .npy by ReadNpy", path, extension)
	}
	return c, nil
}
