// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// chunk is how much of a tensor is held in Go's memory at a time. It is a multiple
// of every element's size.
const chunk = 4 << 20

// Load reads all tensors of a file to a device, in the header's order. They belong
// to no scope. Beside the tensors, a few megabytes are in memory at a time.
func Load(path string, device torch.Device) (d *torch.Dict, err error) {
	err = open(path, "load", func(f *os.File, h *Header) (err error) {
		if err = torch.CheckDevice(device); err == nil {
			d, err = h.read(f, device)
		}
		return err
	})
	return d, err
}

// read makes all tensors or, on an error, none.
func (h *Header) read(r io.ReaderAt, device torch.Device) (*torch.Dict, error) {
	d := &torch.Dict{}
	err := fail.Catch(func() {
		fail.On(torch.Try(func() {
			torch.Unscoped(func() {
				torch.Scope(func() {
					for _, e := range h.Tensors {
						d.Set(e.Name, fail.Or(e.read(r, device)))
					}
					for _, t := range d.All() {
						t.(*torch.Tensor).Keep()
					}
				})
			})
		}))
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (e *Entry) read(r io.ReaderAt, device torch.Device) (*torch.Tensor, error) {
	flat := torch.Empty([]int{int(e.Bytes)}, torch.Options{DType: torch.UInt8, Device: device})
	err := e.stream(r, func(from int64, part []byte) error {
		torch.Scope(func() {
			flat.Narrow(0, int(from), len(part)).CopyInPlace(torch.FromBytes(part, torch.UInt8, len(part)))
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return torch.Call("aten::view.dtype", flat, e.DType).Tensor().Reshape(e.Shape...), nil
}

// stream passes the elements on in parts, each valid during its call.
func (e *Entry) stream(r io.ReaderAt, use func(from int64, part []byte) error) error {
	buf := make([]byte, min(chunk, e.Bytes))
	for from := int64(0); from < e.Bytes; from += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), e.Bytes-from)]
		if n, err := r.ReadAt(part, e.offset+from); n < len(part) {
			return fmt.Errorf("tensor %q: %w", e.Name, err)
		}
		if err := use(from, part); err != nil {
			return fmt.Errorf("tensor %q: %w", e.Name, err)
		}
	}
	return nil
}

// Inspect describes the content of a file, without making tensors and without
// libtorch. Hashing the elements ends early with ctx.
func Inspect(ctx context.Context, path string) (info *inspect.Info, err error) {
	err = open(path, "inspect", func(f *os.File, h *Header) error {
		info = &inspect.Info{Format: "safetensors", Tensors: []inspect.Tensor{}, Values: inspect.Values{}, Metadata: h.Metadata}
		for _, e := range h.Tensors {
			sum := sha256.New()
			if err := e.stream(f, func(_ int64, part []byte) error { sum.Write(part); return ctx.Err() }); err != nil {
				return err
			}
			t := inspect.Dense(e.Name, e.DType.String(), e.Shape)
			t.Bytes, t.SHA256 = e.Bytes, hex.EncodeToString(sum.Sum(nil))
			info.Tensors = append(info.Tensors, t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}
