// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/etude-ml/etude/scripts/internal/turns"
)

// pythonScript is the path of the script that Python runs, below the module's folder.
const pythonScript = "scripts/bench/step.py"

// The variants of a step; see pythonScript.
const (
	variantDefault = "default" // eager, Adam as PyTorch chooses it
	variantFused   = "fused"   // eager, fused Adam
	variantCompile = "compile" // torch.compile(mode="reduce-overhead"), fused Adam
)

// python is a process in which PyTorch trains the five networks, a round at a time.
type python struct {
	Python, Torch string // versions

	*turns.Process
}

// startPython starts Python, or returns why it cannot train here. limit is how long an
// answer may take, including what has to be compiled for it, and how long the end may
// take.
func startPython(ctx context.Context, interpreter, script, device string, threads int, limit time.Duration) (*python, error) {
	process, err := turns.Start(ctx, limit, interpreter, script, "--device", device, "--threads", strconv.Itoa(threads))
	if err != nil {
		return nil, err
	}
	p := &python{Process: process}
	if err := json.Unmarshal([]byte(p.Hello), p); err != nil {
		_ = p.Close() // err explains more than its error
		return nil, err
	}
	return p, nil
}

// steps trains a network for n steps and returns milliseconds a step.
func (p *python) steps(network, variant string, n int) (float64, error) {
	line, err := p.Ask(fmt.Sprintf("%s %s %d", network, variant, n))
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}
