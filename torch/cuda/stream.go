// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import "github.com/etude-ml/etude/torch/internal/ctorch"

// Stream is a queue of work of one device: what is in one stream runs in order,
// what is in two may run at once. Streams come from libtorch's pool of 32 a device
// and are never freed; beyond that number they are shared. The zero value is the
// default stream of device 0.
type Stream struct{ s ctorch.CUDAStream }

// StreamConfig says which stream to take. The zero value is PyTorch's default.
type StreamConfig struct {
	HighPriority bool // its work goes before that of other streams
}

// NewStream takes a stream of a device.
func NewStream(device int, c ...StreamConfig) (*Stream, error) {
	return stream(func() (ctorch.CUDAStream, *ctorch.Error) {
		return ctorch.NewCUDAStream(device, len(c) > 0 && c[0].HighPriority)
	})
}

func stream(f func() (ctorch.CUDAStream, *ctorch.Error)) (*Stream, error) {
	s, err := get(f)
	if err != nil {
		return nil, err
	}
	return &Stream{s}, nil
}

// CurrentStream returns the stream that operators on a device go to: the default
// one, or that of the [Stream.Do] around it on this goroutine.
func CurrentStream(device int) (*Stream, error) {
	return stream(func() (ctorch.CUDAStream, *ctorch.Error) { return ctorch.CurrentCUDAStream(device) })
}

// Device returns the number of the stream's device.
func (s *Stream) Device() int { return s.s.Device }

// Do calls f with s as its goroutine's current stream, and its device as the
// current device. Tensors from other streams may be read inside once s waits for
// those (WaitStream), and those made inside may be read elsewhere once that stream
// waits for s; both have to stay open until then.
func (s *Stream) Do(f func()) error { return do(func() *ctorch.Error { return s.s.Do(f) }) }

// Synchronize waits until all work that s has been given is done.
func (s *Stream) Synchronize() error { return do(s.s.Synchronize) }

// Query reports whether all work that s has been given is done.
func (s *Stream) Query() (bool, error) { return get(s.s.Query) }
