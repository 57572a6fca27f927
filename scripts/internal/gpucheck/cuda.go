// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import "errors"

// cudaMeter is that of a CUDA device.
type cudaMeter struct{ index int }

var errTodo = errors.New("todo")

func (cudaMeter) synchronize() error         { return errTodo }
func (cudaMeter) resetPeak() error           { return errTodo }
func (cudaMeter) describe(*Versions)         {}
func (cudaMeter) memory() (MemoryUse, error) { return MemoryUse{}, errTodo }

func (cudaMeter) graph(func()) (replay func() error, done func(), err error) {
	return nil, nil, errTodo
}

func deterministically(f func()) { f() }

func exactly(f func()) { f() }
