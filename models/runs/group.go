// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/trainer"
)

// processes is what a plan in one of several processes needs of the others; without a Group
// there is one. All processes make the same calls in the same order.
type processes struct {
	*dist.Group
	own    context.Context // of this process
	ctx    context.Context // ends in all of them between the same two calls
	cancel context.CancelCauseFunc
	lost   bool // the group has failed
}

func newProcesses(ctx context.Context, g *dist.Group) *processes {
	p := &processes{own: ctx, ctx: ctx}
	if g != nil && g.Size > 1 {
		p.Group = g
		p.ctx, p.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	}
	return p
}

// do is share for what gives nothing.
func (p *processes) do(what string, f func(context.Context) error) error {
	_, err := p.share(what, func(ctx context.Context) (string, error) { return "", f(ctx) })
	return err
}

// share calls f in each process, waits until it has ended in all of them, however long that
// takes, and returns what each gave, by rank. A failure of one is an error of all, which names
// its rank. It ends the context that the others' f have, and so does a process that is asked to
// end. what begins the error where the group fails.
func (p *processes) share(what string, f func(context.Context) (string, error)) ([]string, error) {
	switch {
	case p.Group == nil:
		text, err := f(p.own)
		return []string{text}, err
	case p.lost:
		return nil, fmt.Errorf("%s: %w", what, errLost)
	}
	ctx, stop := context.WithCancelCause(p.own)
	defer stop(nil)
	ended, met := make(chan error, 1), make(chan error)
	go func() { met <- p.meet(ended, stop) }()
	text, err := f(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errStopped) {
		err = nil // the other's error tells more
	}
	ended <- err
	failed := <-met
	var all []string
	if failed == nil {
		told := "+" + text
		if err != nil {
			told = "-" + err.Error()
		}
		for rank := 0; rank < p.Size && failed == nil; rank++ {
			var text []byte
			text, failed = p.BroadcastBytes([]byte(told), rank)
			all = append(all, string(text))
		}
	}
	if p.lost = failed != nil; p.lost { // f may have been stopped by that
		return nil, fmt.Errorf("%s: %w", what, failed)
	}
	for rank, text := range all {
		if reason, ok := strings.CutPrefix(text, "-"); ok && err == nil {
			err = fmt.Errorf("rank %d: %s", rank, reason)
		}
		all[rank] = text[1:]
	}
	return all, err
}

// errStopped ends what f does after another process has failed.
var errStopped = errors.New("another process of the group has failed")

// errLost is why networks fail after one of them has reported what has become of the group.
var errLost = errors.New("the group has failed before")

// beat is the time between two exchanges while others work.
const beat = 100 * time.Millisecond

// meet exchanges how far each process is until all have ended. So nobody waits for another for
// longer than that takes to answer.
func (p *processes) meet(ended <-chan error, stop context.CancelCauseFunc) error {
	for state := []float64{1, 0, 0}; ; { // how many are at work, have failed, are asked to end
		if state[0] > 0 {
			select {
			case failed := <-ended:
				state[0] = 0
				if failed != nil {
					state[1] = 1
				}
			case <-time.After(beat):
			}
		}
		if p.own.Err() != nil {
			state[2] = 1
		}
		all := slices.Clone(state)
		err := p.AllReduceFloats(all, dist.Sum)
		switch {
		case err != nil:
			stop(err)
			return err
		case all[2] > 0 && p.ctx.Err() == nil:
			cause := context.Cause(p.own)
			if cause == nil {
				cause = fmt.Errorf("%w: another process of the group was asked to end", trainer.ErrInterrupted)
			}
			p.cancel(cause)
			stop(cause)
		case all[1] > 0:
			stop(errStopped)
		}
		if all[0] == 0 {
			return nil
		}
	}
}
