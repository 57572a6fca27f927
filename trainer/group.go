// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
)

// part is what one process of a group takes of a source: of each batch, every size-th sample
// from number rank on. No batch but an epoch's last has fewer samples than there are processes.
type part struct {
	data.Source
	rank, size int
}

// count returns how many of a batch of n samples it takes.
func (p *part) count(n int) int { return (n - p.rank + p.size - 1) / p.size }

// take returns what this process reads of an epoch. Where the last batch has nothing for it,
// that batch's last sample stands in, so that it calls what the others call.
func (p *part) take(e data.Epoch) data.Epoch {
	own := data.Epoch{Size: p.count(e.Size), Seed: e.Seed, Number: e.Number}
	for start := 0; start < len(e.Order); start += e.Size {
		end := min(start+e.Size, len(e.Order))
		for at := min(start+p.rank, end-1); at < end; at += p.size {
			own.Order, own.Positions = append(own.Order, e.Order[at]), append(own.Positions, e.First+at)
		}
	}
	return own
}

// Epoch yields this process's part of the batches of e. One whose sample only stands in has Len 0.
func (p *part) Epoch(e data.Epoch) iter.Seq2[data.Batch, error] {
	return func(yield func(data.Batch, error) bool) {
		if e.Order == nil {
			e.Order = numbers(0, p.Len())
		}
		left := len(e.Order)
		for b, err := range p.Source.Epoch(p.take(e)) {
			if err == nil && left <= p.rank {
				b.Len = 0
			}
			if left -= e.Size; !yield(b, err) || left <= 0 {
				return
			}
		}
		yield(data.Batch{}, errEnded) // where others go on
	}
}

var errEnded = errors.New("the source ended the epoch too early")

// undivided returns the source of which s may be a part.
func undivided(s data.Source) data.Source {
	if p, ok := s.(*part); ok {
		return p.Source
	}
	return s
}

// processes is what a session in one of several processes needs of the others; nil for a session
// in one process. All processes make the same calls in the same order.
type processes struct {
	*dist.Group
	ddp      *dist.DistributedDataParallel
	complete bool // no sample of a batch is left out
	told     bool // which parameters have no gradient
	absent   bool // the batch of this process only stands in
	failed   bool // the source of some process, and all know it

	asked  func() bool             // whether this process is asked to save
	ctx    context.Context         // of this process
	cancel context.CancelCauseFunc // of the context of all
	stop   bool                    // a hook of this process wants to stop
	saves  bool                    // some process is asked to save
	stops  bool                    // a hook of some process wants to stop
}

// size returns the number of processes.
func (r *processes) size() int {
	if r == nil {
		return 1
	}
	return r.Size
}

// rank returns which of them this is.
func (r *processes) rank() int {
	if r == nil {
		return 0
	}
	return r.Rank
}

// leads reports whether this process reads and writes files.
func (r *processes) leads() bool { return r.rank() == 0 }

// share returns a context that ends in all processes after the same step. A launcher asks
// processes to end when one of them is gone: then there is nothing to wait for, as for the end of
// a validation.
func (r *processes) share(ctx context.Context) context.Context {
	if r == nil {
		return ctx
	}
	r.ctx = ctx
	shared, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if err := r.Check(); err != nil {
			cancel(err)
		}
	})
	r.cancel = func(cause error) {
		stop()
		cancel(cause)
	}
	return shared
}

// add adds up values over the processes.
func (r *processes) add(values []float64) error { return r.AllReduceFloats(values, dist.Sum) }

// sum is add. With the values goes what each process was asked for.
func (r *processes) sum(values []float64) error {
	all := append([]float64{0, 0, 0}, values...)
	for i, asked := range []bool{r.ctx.Err() != nil, r.asked(), r.stop} {
		if asked {
			all[i] = 1
		}
	}
	err := r.add(all)
	copy(values, all[3:])
	if err == nil && all[0] > 0 {
		cause := context.Cause(r.ctx)
		if cause == nil {
			cause = errors.New("another process of the group was asked to end")
		}
		r.cancel(cause)
	}
	r.saves, r.stops = all[1] > 0, all[2] > 0
	return err
}

// agree exchanges what each process was asked for, unless meet does it later, and returns ErrStop
// where a hook of any of them did. stopped is what this process's hook returned.
func (r *processes) agree(stopped error, later bool) error {
	if r == nil || stopped != nil && !errors.Is(stopped, ErrStop) {
		return stopped
	}
	if r.stop = r.stop || stopped != nil; later {
		return nil
	}
	if err := r.sum(nil); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return r.stopped()
}

func (r *processes) stopped() error {
	if r.stop = false; r.stops {
		return ErrStop
	}
	return nil
}

// meet comes before each batch, for which err is what the source of this process says, and returns
// in all processes the errors of all. Unless a step of the optimizer is open, they also exchange
// what they were asked for.
func (r *processes) meet(err error, open bool) error {
	exchange, missing := r.sum, []float64{0}
	if open {
		exchange = r.add
	}
	if err != nil {
		missing[0] = 1
	}
	if e := exchange(missing); e != nil || missing[0] == 0 {
		return errors.Join(err, e)
	}
	said := torch.NewDict()
	if err != nil {
		said.Set("error", err.Error())
	}
	list, e := r.gather(said)
	r.failed = e == nil
	for rank, d := range list {
		if text, ok := d.(*torch.Dict).Get("error"); ok && rank != r.Rank {
			e = errors.Join(e, fmt.Errorf("rank %d: %v", rank, text))
		} else if ok {
			e = errors.Join(e, fmt.Errorf("rank %d: %w", rank, err))
		}
	}
	return e
}

// tell returns in all processes what the process root gives, a tree of no scope.
func (r *processes) tell(root int, d *torch.Dict) (told *torch.Dict, err error) {
	var text bytes.Buffer
	if r.Rank == root {
		if err := pt.Write(&text, d); err != nil {
			return nil, err
		}
	}
	own, err := r.BroadcastBytes(text.Bytes(), root)
	if err != nil {
		return nil, err
	}
	var v any
	torch.Unscoped(func() { v, err = pt.Read(bytes.NewReader(own), int64(len(own))) })
	told, _ = v.(*torch.Dict)
	return told, err
}

// gather returns in all processes what each of them gives, by rank.
func (r *processes) gather(d *torch.Dict) (list []any, err error) {
	for root := range r.Size {
		told, err := r.tell(root, d)
		if err != nil {
			return list, err
		}
		list = append(list, told)
	}
	return list, nil
}

// begin gives a network the weights of rank 0, and lets the gradients be averaged, and with sync
// the statistics of batch norms.
func (r *processes) begin(model any, sync bool) (err error) {
	if sync {
		if err := dist.ConvertSyncBatchNorm(r.Group, model); err != nil {
			return err
		}
		for _, l := range nn.BatchNorms(model) {
			gather := l.Gather
			l.Gather = func(t *torch.Tensor) *torch.Tensor {
				if r.absent { // its number of values, too
					t = t.MulScalar(0)
				}
				return gather(t)
			}
		}
	}
	r.ddp, err = dist.NewDistributedDataParallel(r.Group, model, dist.DistributedDataParallelOptions{FindUnusedParameters: true})
	return err
}

// forward comes before outputs are computed that gradients or results of all processes need:
// they then have the same buffers.
func (r *processes) forward() error {
	if r == nil {
		return nil
	}
	return r.ddp.PrepareForForward()
}

// weigh scales a loss that was divided by divisor, of this process, so that the mean over the
// processes is the loss of all their samples.
func (r *processes) weigh(loss, divisor *torch.Tensor) (weighed *torch.Tensor, err error) {
	torch.NoGrad(func() {
		total := divisor.Clone()
		err = r.AllReduce(total, dist.Sum)
		weighed = divisor.Div(total).NanToNum(0, 0, 0).MulScalar(float64(r.Size)).ToDType(loss.DType())
	})
	return loss.Mul(weighed), err
}

// total adds up over the processes what the losses of several batches were divided by or, where
// weight is nil, the samples that were left out.
func (r *processes) total(weight *torch.Tensor, missing *int) error {
	if weight != nil {
		return r.AllReduce(weight, dist.Sum)
	}
	n := []float64{float64(*missing)}
	err := r.add(n)
	*missing = int(n[0])
	return err
}

// average turns open gradients of each process into those of all, which go into a checkpoint.
func (r *processes) average(params []*torch.Tensor) error {
	have := make([]float64, len(params))
	for i, p := range params {
		if p.Grad() != nil {
			have[i] = 1
		}
	}
	err := r.add(have)
	for i, p := range params {
		if err != nil || have[i] == 0 {
			continue
		}
		if p.Grad() == nil {
			p.SetGrad(torch.ZerosLike(p))
		}
		grad := p.Grad()
		err = r.AllReduce(grad, dist.Sum)
		grad.MulScalarInPlace(1 / float64(r.Size))
	}
	return err
}

// reseed lets the process draw other numbers than rank 0, from whose generator it goes on.
func (r *processes) reseed() {
	if r.leads() {
		return
	}
	h := fnv.New64a()
	torch.Scope(func() { _, _ = h.Write(torch.RNGState(torch.CPU).Bytes()) })
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(r.Rank)))
	torch.ManualSeed(h.Sum64())
}

// end lets the processes end together: joint reports whether all of them have come to the same end.
// Otherwise the others are told why this one leaves.
func (r *processes) end(err error, joint bool) error {
	if r == nil {
		return err
	}
	if r.ddp != nil {
		defer r.ddp.Close()
	}
	r.cancel(nil)
	if !joint && !r.failed {
		r.Fail(err)
		return err
	}
	if e := r.Barrier(); e != nil { // rank 0 has written its files
		err = errors.Join(err, fmt.Errorf("trainer: at the end of the run: %w", e))
	}
	return err
}
