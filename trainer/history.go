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
	"strings"

	"github.com/etude-ml/etude/torch"
)

// StopReason is the reason why training ended. It is empty while training runs.
type StopReason string

// Why training ends.
const (
	StopCompleted   StopReason = "completed"   // all epochs are done
	StopPatience    StopReason = "patience"    // EarlyStopping.Patience
	StopThreshold   StopReason = "threshold"   // EarlyStopping.Threshold
	StopDivergence  StopReason = "divergence"  // EarlyStopping.Divergence
	StopNonFinite   StopReason = "non_finite"  // NaN or infinity
	StopInterrupted StopReason = "interrupted" // the context ended
	StopHook        StopReason = "hook"        // a hook returned ErrStop
	StopError       StopReason = "error"       // any other error
)

// Epoch holds one epoch's results. A value that does not apply is NaN: a validation
// loss without validation samples, an accuracy without classes.
type Epoch struct {
	Index              int // 0 for the first
	TrainLoss, ValLoss float64
	TrainAcc, ValAcc   float64 // from 0 to 1
	Seconds            float64
	LR                 float64 // in the epoch's last step
	GradNorm           float64 // mean norm of the gradients before ClipNorm limits it; 0 without it and TrackNorms
	WeightNorm         float64 // norm of all parameters at the end, with TrackNorms; else 0
	Skipped            float64 // steps that Run.Scaler left out

	// More holds the parts of the loss by name: "kl" is training's, "val_kl" validation's.
	// nil for none.
	More map[string]float64
}

// valPrefix begins the names in Epoch.More of what was measured in validation.
const valPrefix = "val_"

// addMore adds values whose names prefix begins.
func (e *Epoch) addMore(prefix string, values map[string]float64) {
	for name, x := range values {
		if e.More == nil {
			e.More = map[string]float64{}
		}
		e.More[prefix+name] = x
	}
}

// column is one of an Epoch's values, and everything that files and texts need to know
// of it.
type column struct {
	name  string // of its list in history.json and in a checkpoint
	value func(*Epoch) *float64

	always   bool   // its list is there even without a value
	late     bool   // it came after the first version: a file may lack its list
	zero     bool   // 0 means that it does not apply, not NaN
	count    bool   // 0 is a value where another epoch has one
	physical bool   // it differs from one run to the next that does the same
	metric   string // its name in a checkpoint's metrics; "" for none
	text     string // its name in Epoch.String; "" for none
}

var columns = []column{
	{name: "train_losses", value: func(e *Epoch) *float64 { return &e.TrainLoss }, always: true, metric: "train_loss", text: "training loss"},
	{name: "val_losses", value: func(e *Epoch) *float64 { return &e.ValLoss }, metric: "val_loss", text: "validation loss"},
	{name: "train_accs", value: func(e *Epoch) *float64 { return &e.TrainAcc }, metric: "train_acc", text: "training accuracy"},
	{name: "val_accs", value: func(e *Epoch) *float64 { return &e.ValAcc }, metric: "val_acc", text: "validation accuracy"},
	{name: "epoch_times", value: func(e *Epoch) *float64 { return &e.Seconds }, always: true, physical: true},
	{name: "learning_rates", value: func(e *Epoch) *float64 { return &e.LR }, always: true},
	{name: "grad_norms", value: func(e *Epoch) *float64 { return &e.GradNorm }, late: true, zero: true},
	{name: "weight_norms", value: func(e *Epoch) *float64 { return &e.WeightNorm }, late: true, zero: true},
	{name: "skipped_steps", value: func(e *Epoch) *float64 { return &e.Skipped }, late: true, zero: true, count: true, text: "skipped steps"},
}

// of returns the column's value in an epoch; NaN where it does not apply.
func (c column) of(e Epoch) float64 {
	x := *c.value(&e)
	if c.zero && x == 0 {
		return math.NaN()
	}
	return x
}

// set is the opposite of of.
func (c column) set(e *Epoch, x float64) {
	if c.zero && math.IsNaN(x) {
		x = 0
	}
	*c.value(e) = x
}

// noEpoch stands for an epoch that is not there.
func noEpoch(i int) Epoch {
	e := Epoch{Index: i}
	for _, c := range columns {
		c.set(&e, math.NaN())
	}
	return e
}

// Watched is the loss that decides which epoch is best: validation's, or where
// nothing is validated training's.
func (e Epoch) Watched() float64 {
	if math.IsNaN(e.ValLoss) {
		return e.TrainLoss
	}
	return e.ValLoss
}

// String returns a text such as "epoch 3: training loss 0.0412, validation loss 0.0523".
func (e Epoch) String() string {
	if e.Index < 0 {
		return "no epoch"
	}
	var parts []string
	for _, c := range columns {
		if x := c.of(e); c.text != "" && (c.always || !math.IsNaN(x)) {
			parts = append(parts, fmt.Sprintf("%s %.4g", c.text, x))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.More)) {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, e.More[name]))
	}
	return fmt.Sprintf("epoch %d: %s", e.Index+1, strings.Join(parts, ", "))
}

// History holds the results of each epoch. Make one with [NewHistory].
//
// As JSON, which [History.Save] writes, it is a list of numbers for each value, with
// null for one that is not finite; the list of a value that no epoch has is null. The
// lists of Epoch.More stand by name in an object "metrics", if there are any.
type History struct {
	Epochs     []Epoch
	BestEpoch  int // the first with the lowest loss that was watched; -1 for none
	StopReason StopReason
}

// NewHistory returns an empty History.
func NewHistory() *History { return &History{BestEpoch: -1} }

// Update adds an epoch, whose Index becomes its position, and reports whether it is the
// best so far: any lower loss is better here, however little. (EarlyStopping.MinDelta
// only decides what is worth waiting for.)
func (h *History) Update(e Epoch) (best bool) {
	e.Index = len(h.Epochs)
	watched := e.Watched()
	best = isFinite(watched) && (h.BestEpoch < 0 || watched < h.Best().Watched())
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
}

// dict is the history in a checkpoint: a list for each column.
func (h *History) dict() *torch.Dict {
	d := torch.NewDict()
	for _, c := range columns {
		d.Set(c.name, list(h.list(c.name)))
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
	tail := historyTail{BestValLoss: pointer(h.Best().ValLoss), StopReason: h.StopReason}
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
	h.StopReason = tail.StopReason
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

func pointer(x float64) *float64 {
	if !isFinite(x) {
		return nil
	}
	return &x
}

func pointers(xs []float64) []*float64 {
	if xs == nil {
		return nil
	}
	ps := make([]*float64, len(xs))
	for i, x := range xs {
		ps[i] = pointer(x)
	}
	return ps
}

// values is the opposite of pointers.
func values(ps []*float64) []float64 {
	xs := make([]float64, len(ps))
	for i, p := range ps {
		xs[i] = math.NaN()
		if p != nil {
			xs[i] = *p
		}
	}
	return xs
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

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

// number returns x for a file: None where it is not finite.
func number(x float64) any {
	if !isFinite(x) {
		return nil
	}
	return x
}

// readFloat reads a number; None is NaN.
func readFloat(r *torch.DictReader, key string) float64 {
	if torch.Read[any](r, key) == nil {
		return math.NaN()
	}
	return r.Number(key)
}

// readFloats reads a list of numbers; None is nil.
func readFloats(r *torch.DictReader, key string) []float64 {
	v := torch.Read[any](r, key)
	if v == nil {
		return nil
	}
	list := torch.Read[[]any](r, key)
	xs := make([]float64, len(list))
	for i, x := range list {
		item := &torch.DictReader{Dict: torch.NewDict(key, x)}
		if xs[i] = readFloat(item, key); item.Err != nil {
			r.Fail("item %d of %w", i, item.Err)
		}
	}
	return xs
}

// list returns xs for a file; nil is None.
func list(xs []float64) any {
	if xs == nil {
		return nil
	}
	l := make([]any, len(xs))
	for i, x := range xs {
		l[i] = number(x)
	}
	return l
}
