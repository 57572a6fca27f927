// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// History holds the results of each epoch. Make one with [NewHistory].
//
// As JSON, which [History.Save] writes, it is a list of numbers for each value, with
// null for one that is not finite; the list of a value that no epoch has is null. The
// lists of Epoch.More stand by name in an object "metrics", if there are any, and Monitor
// and Mode as "monitor" and "mode", where they are not the defaults.
type History struct {
	Epochs     []Epoch
	BestEpoch  int // the first with the best value that was watched; -1 for none
	StopReason StopReason

	Monitor string // the value that was watched, see Run.Monitor; "" for the loss, see Epoch.Watched
	Mode    Mode   // whether it improves as it falls or as it rises
}

// watched is the value of an epoch that decides which one is best; NaN for none.
func (h *History) watched(e Epoch) float64 {
	if h.Monitor == "" {
		return e.Watched()
	}
	if x, ok := e.value(h.Monitor); ok {
		return x
	}
	return math.NaN()
}

// NewHistory returns an empty History.
func NewHistory() *History { return &History{BestEpoch: -1} }

// Update adds an epoch, whose Index becomes its position, and reports whether it is the
// best so far: any better value is better here, however little. (EarlyStopping.MinDelta
// only decides what is worth waiting for.)
func (h *History) Update(e Epoch) (best bool) {
	e.Index = len(h.Epochs)
	watched := h.watched(e)
	best = isFinite(watched) && (h.BestEpoch < 0 || h.Mode.better(watched, h.watched(h.Best())))
	if best {
		h.BestEpoch = e.Index
	}
	h.Epochs = append(h.Epochs, e)
	return best
}

// Len returns the number of epochs.
func (h *History) Len() int { return len(h.Epochs) }

// epoch returns the i-th epoch; one without values where there is none.
func (h *History) epoch(i int) Epoch {
	if i < 0 || i >= len(h.Epochs) {
		return noEpoch(i)
	}
	return h.Epochs[i]
}

// Best returns the best epoch; its Index is -1 where there is none.
func (h *History) Best() Epoch { return h.epoch(h.BestEpoch) }

// Last returns the last epoch; its Index is -1 where there is none.
func (h *History) Last() Epoch { return h.epoch(len(h.Epochs) - 1) }

// list returns a column by its name; nil where no epoch has a value.
func (h *History) list(name string) []float64 {
	c := columns[slices.IndexFunc(columns, func(c column) bool { return c.name == name })]
	xs, any := make([]float64, len(h.Epochs)), c.always
	for i, e := range h.Epochs {
		xs[i] = c.of(e)
		any = any || !math.IsNaN(xs[i])
	}
	if !any || len(xs) == 0 {
		return nil
	}
	for i, x := range xs {
		if c.count && math.IsNaN(x) {
			xs[i] = 0
		}
	}
	return xs
}

// more returns the lists of Epoch.More by name, with NaN where an epoch has no value.
func (h *History) more() map[string][]float64 {
	all := map[string][]float64{}
	for i, e := range h.Epochs {
		for name, x := range e.More {
			if all[name] == nil {
				all[name] = slices.Repeat([]float64{math.NaN()}, len(h.Epochs))
			}
			all[name][i] = x
		}
	}
	return all
}

// setMore is the opposite of more.
func (h *History) setMore(name string, xs []float64) error {
	if len(xs) != len(h.Epochs) {
		return fmt.Errorf("%s holds %d epochs, %s %d", name, len(xs), columns[0].name, len(h.Epochs))
	}
	for i, x := range xs {
		h.Epochs[i].addMore("", map[string]float64{name: x})
	}
	return nil
}

// setLists makes the epochs from the lists of a file, which read gives by their names.
func (h *History) setLists(best int, read func(c column) ([]float64, error)) error {
	h.Epochs, h.BestEpoch = nil, best
	for i, c := range columns {
		xs, err := read(c)
		if err != nil {
			return err
		}
		if i == 0 {
			for j := range xs {
				h.Epochs = append(h.Epochs, noEpoch(j))
			}
		}
		if n := len(h.Epochs); len(xs) != 0 && len(xs) != n {
			return fmt.Errorf("%s holds %d epochs, %s %d", c.name, len(xs), columns[0].name, n)
		}
		for j, x := range xs {
			c.set(&h.Epochs[j], x)
		}
	}
	if n := len(h.Epochs); best < -1 || best >= n {
		return fmt.Errorf("best_epoch is %d, there are %d epochs", best, n)
	}
	return nil
}

// historyTail follows the lists in the file. It has pointers because JSON has no NaN.
type historyTail struct {
	BestEpoch   *int       `json:"best_epoch"`
	BestValLoss *float64   `json:"best_val_loss"`
	StopReason  StopReason `json:"stop_reason"`
	Monitor     string     `json:"monitor,omitempty"`
	Mode        string     `json:"mode,omitempty"` // "max", or "" for min
}

// dict is the history in a checkpoint: a list for each column.
func (h *History) dict() *torch.Dict {
	d := torch.NewDict()
	for _, c := range columns {
		if xs := h.list(c.name); xs != nil || !c.rare {
			d.Set(c.name, list(xs))
		}
	}
	d.Set("best_epoch", h.BestEpoch)
	if more := h.more(); len(more) > 0 {
		lists := torch.NewDict()
		for _, name := range slices.Sorted(maps.Keys(more)) {
			lists.Set(name, list(more[name]))
		}
		d.Set("metrics", lists)
	}
	return d
}

// historyFrom reads what dict returned.
func historyFrom(d *torch.Dict) (*History, error) {
	r, h := &torch.DictReader{Dict: d}, NewHistory()
	err := h.setLists(torch.Read[int](r, "best_epoch"), func(c column) ([]float64, error) {
		if _, ok := d.Get(c.name); !ok && c.late {
			return nil, nil
		}
		return readFloats(r, c.name), r.Err
	})
	if _, ok := d.Get("metrics"); ok && err == nil {
		lists := &torch.DictReader{Dict: torch.Read[*torch.Dict](r, "metrics")}
		for i := 0; r.Err == nil && i < lists.Dict.Len(); i++ {
			name := fmt.Sprint(lists.Dict.Keys()[i])
			xs := readFloats(lists, name)
			r.Err = cmp.Or(lists.Err, h.setMore(name, xs))
		}
		err = r.Err
	}
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return h, nil
}

// MarshalJSON writes values that are not finite as null.
func (h *History) MarshalJSON() ([]byte, error) {
	text := []byte("{")
	for _, c := range columns {
		list := pointers(h.list(c.name))
		if list == nil && c.late {
			continue
		}
		if list == nil && c.always {
			list = []*float64{}
		}
		values, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%q:%s,", c.name, values)
	}
	if more := h.more(); len(more) > 0 {
		lists := map[string][]*float64{}
		for name, xs := range more {
			lists[name] = pointers(xs)
		}
		values, err := json.Marshal(lists)
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%q:%s,", "metrics", values)
	}
	tail := historyTail{BestValLoss: pointer(h.Best().ValLoss), StopReason: h.StopReason, Monitor: h.Monitor}
	if h.Mode == Max {
		tail.Mode = h.Mode.String()
	}
	if h.BestEpoch >= 0 {
		tail.BestEpoch = &h.BestEpoch
	}
	end, err := json.Marshal(tail)
	if err != nil {
		return nil, err
	}
	return append(text, end[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON writes; a number that is null becomes NaN.
func (h *History) UnmarshalJSON(text []byte) error {
	var lists map[string]json.RawMessage
	var tail struct {
		historyTail
		Metrics map[string][]*float64 `json:"metrics"`
	}
	if err := errors.Join(json.Unmarshal(text, &lists), json.Unmarshal(text, &tail)); err != nil {
		return err
	}
	best := -1
	if tail.BestEpoch != nil {
		best = *tail.BestEpoch
	}
	h.StopReason, h.Monitor, h.Mode = tail.StopReason, tail.Monitor, Min
	if tail.Mode == Max.String() {
		h.Mode = Max
	}
	err := h.setLists(best, func(c column) ([]float64, error) {
		var list []*float64
		if lists[c.name] == nil {
			return nil, nil
		}
		if err := json.Unmarshal(lists[c.name], &list); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		return values(list), nil
	})
	for name, list := range tail.Metrics {
		err = cmp.Or(err, h.setMore(name, values(list)))
	}
	return err
}

// Save writes the history as JSON. The file is there whole or not at all.
func (h *History) Save(path string) error {
	text, err := h.text()
	if err != nil {
		return err
	}
	return writeFile(path, text)
}

// text is the history as a file holds it.
func (h *History) text() ([]byte, error) {
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("trainer: history: %w", err)
	}
	return append(text, '\n'), nil
}

// LoadHistory reads what Save wrote.
func LoadHistory(path string) (*History, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trainer: history: %w", err)
	}
	h := NewHistory()
	if err := json.Unmarshal(text, h); err != nil {
		return nil, fmt.Errorf("trainer: history %s: %w", path, err)
	}
	return h, nil
}
