// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/trainer/metric"
)

// measured counts batches for metrics. It takes about as long to count one small batch as
// many, so their outputs and targets wait for each other: up to 32 batches, or so many
// elements of outputs, 4 MB. The first is counted alone, so that an error comes with it, and
// so is what would not join others.
type measured struct {
	metrics []metric.Metric
	totals  []*metric.Accumulator
	begun   bool
	waiting [2][]*torch.Tensor // outputs and targets
}

const (
	waitingBatches  = 32
	waitingElements = 1 << 20
)

func metricNames(metrics []metric.Metric) (names []string) {
	for _, m := range metrics {
		names = append(names, m.Name)
	}
	return names
}

// measure sets the metrics.
func (m *measured) measure(metrics []metric.Metric) {
	m.metrics = metrics
	for _, x := range metrics {
		m.totals = append(m.totals, x.New())
	}
}

// compare stores what the network made of a batch.
func (m *measured) compare(r Result) {
	if len(m.metrics) == 0 {
		return
	}
	if r.Output == nil || r.Target == nil {
		panic(&torch.Error{Op: "Run.Metrics", Message: "metrics compare the Output and the Target of a Result, of which one is nil"})
	}
	alone := !m.begun || r.Output.Numel() >= waitingElements || r.Output.Dim() == 0 || r.Target.Dim() == 0
	if len(m.waiting[0]) > 0 && (alone || !joins(m.waiting[0][0], r.Output) || !joins(m.waiting[1][0], r.Target)) {
		m.count()
	}
	if alone {
		m.add(r.Output, r.Target)
		return
	}
	torch.NoGrad(func() {
		torch.Unscoped(func() {
			for i, t := range []*torch.Tensor{r.Output, r.Target} {
				m.waiting[i] = append(m.waiting[i], t.Clone()) // the caller may use its memory again
			}
		})
	})
	if n := len(m.waiting[0]); n >= waitingBatches || n*r.Output.Numel() >= waitingElements {
		m.count()
	}
}

// joins reports whether batches can stand one after another.
func joins(a, b *torch.Tensor) bool {
	return a.DType() == b.DType() && a.Device() == b.Device() && slices.Equal(a.Shape()[1:], b.Shape()[1:])
}

// count adds the batches that wait to the totals.
func (m *measured) count() {
	if len(m.waiting[0]) > 0 {
		torch.Scope(func() { m.add(torch.Cat(m.waiting[0], 0), torch.Cat(m.waiting[1], 0)) })
		m.drop()
	}
}

func (m *measured) add(output, target *torch.Tensor) {
	m.begun = true
	for _, t := range m.totals {
		t.Add(output, target)
	}
}

// drop frees the batches that wait.
func (m *measured) drop() {
	for i, list := range m.waiting {
		for _, t := range list {
			t.Close()
		}
		m.waiting[i] = nil
	}
}

// forget frees everything.
func (m *measured) forget() {
	m.drop()
	m.begun = false
	for _, t := range m.totals {
		t.Close()
	}
}

// values returns the metrics by their names, and forgets what was counted.
func (m *measured) values() map[string]float64 {
	m.count()
	all := map[string]float64{}
	for i, x := range m.metrics {
		all[x.Name] = m.totals[i].Value()
	}
	m.forget()
	return all
}

// metricStates returns what was counted, by the metrics' names, and the batches that wait:
// counted in other groups, they would change the last bits.
func (m *measured) metricStates() *torch.Dict {
	d := torch.NewDict()
	for i, x := range m.metrics {
		if t := m.totals[i].State(); t != nil {
			d.Set(x.Name, t)
		}
	}
	for i, key := range waitingKeys {
		var list []any
		for _, t := range m.waiting[i] {
			list = append(list, t)
		}
		d.Set(key, list)
	}
	return d
}

// waitingKeys are names that no metric can have.
var waitingKeys = [2]string{"train_outputs", "train_targets"}

// loadMetrics is the opposite of metricStates, for batches on a device. It joins the states of
// several processes.
func (m *measured) loadMetrics(states []*torch.Dict, device torch.Device) (err error) {
	read := func(key string, v any) *torch.Tensor {
		t, ok := v.(*torch.Tensor)
		if !ok {
			err = fmt.Errorf("metrics: %s holds %T, not a tensor", key, v)
			return nil
		}
		return t.To(device)
	}
	torch.Scope(func() {
		counted := make([][]*torch.Tensor, len(m.metrics))
		for _, d := range states {
			m.begun = m.begun || d.Len() > 0
			for i, x := range m.metrics {
				if v, ok := d.Get(x.Name); ok {
					counted[i] = append(counted[i], read(x.Name, v))
				}
			}
			for i, key := range waitingKeys {
				list, _ := d.Get(key)
				batches, _ := list.([]any)
				for _, v := range batches {
					if t := read(key, v); t != nil {
						torch.Unscoped(func() { m.waiting[i] = append(m.waiting[i], t.Clone()) })
					}
				}
			}
		}
		for i, list := range counted {
			if err == nil && len(list) > 0 {
				m.totals[i].LoadState(torch.Cat(list, 0))
			}
		}
	})
	if err == nil && len(m.waiting[0]) != len(m.waiting[1]) {
		err = fmt.Errorf("metrics: there are outputs of %d batches and targets of %d", len(m.waiting[0]), len(m.waiting[1]))
	}
	return err
}
