// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/trainer/figure"
)

var nan = math.NaN()

func lossEpoch(train, val float64) Epoch {
	return Epoch{TrainLoss: train, ValLoss: val, TrainAcc: nan, ValAcc: nan, Seconds: 0.5, LR: 1e-3}
}

// results are all that a history holds, so that it can be compared: its epochs hold NaN,
// which equals nothing.
func results(h *History, times bool) map[string]any {
	m := map[string]any{"best": h.BestEpoch, "stop": h.StopReason, "more": h.more()}
	for _, c := range columns {
		if times || !c.physical {
			m[c.name] = h.list(c.name)
		}
	}
	return m
}

func TestHistoryFindsTheBest(t *testing.T) {
	h := NewHistory()
	assert.Equal(t, "no epoch", h.Best().String())
	var best []bool
	for _, v := range []float64{nan, 3, 2, 2, 1.9999, 2.5, math.Inf(-1)} {
		best = append(best, h.Update(lossEpoch(1, v)))
	}
	// The first has no validation loss, so its training loss, 1, would count; later
	// ones are watched by validation.
	assert.Equal(t, []bool{true, false, false, false, false, false, false}, best)

	h = NewHistory()
	best = nil
	for _, v := range []float64{3, 2, 2, 1.9999, 2.5, nan, math.Inf(-1)} {
		best = append(best, h.Update(lossEpoch(9, v)))
	}
	assert.Equal(t, []bool{true, true, false, true, false, false, false}, best)
	assert.Equal(t, 3, h.BestEpoch)
	assert.Equal(t, 1.9999, h.Best().ValLoss)
	assert.Equal(t, "epoch 4: training loss 9, validation loss 2", h.Best().String())
}

func TestHistoryJSON(t *testing.T) {
	h := NewHistory()
	h.Update(lossEpoch(0.5, 0.25))
	h.Update(lossEpoch(0.4, math.Inf(1)))
	h.StopReason = StopPatience
	path := filepath.Join(t.TempDir(), "history.json")
	require.NoError(t, h.Save(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"train_losses": [0.5, 0.4], "val_losses": [0.25, null], "train_accs": null, "val_accs": null,
		"epoch_times": [0.5, 0.5], "learning_rates": [0.001, 0.001],
		"best_epoch": 0, "best_val_loss": 0.25, "stop_reason": "patience"}`, string(text))

	back, err := LoadHistory(path)
	require.NoError(t, err)
	assert.Nil(t, back.list("train_accs"))
	assert.True(t, math.IsNaN(back.list("val_losses")[1]))
	back.Epochs[1].ValLoss = math.Inf(1) // JSON has no infinity
	assert.Equal(t, results(h, true), results(back, true))

	empty, err := json.Marshal(NewHistory())
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"train_losses": [], "val_losses": null, "train_accs": null, "val_accs": null, "epoch_times": [],
		"learning_rates": [], "best_epoch": null, "best_val_loss": null, "stop_reason": ""}`, string(empty))
	require.NoError(t, json.Unmarshal(empty, back))
	assert.Equal(t, -1, back.BestEpoch)
	assert.Zero(t, back.Len())
}

// The values of Epoch.More stand by name, in JSON and in a checkpoint; an epoch may lack one.
func TestHistoryMore(t *testing.T) {
	h := NewHistory()
	for i := range 2 {
		e := lossEpoch(1, 1)
		e.More = map[string]float64{"kl": float64(i), "val_kl": 0.5}
		h.Update(e)
	}
	delete(h.Epochs[0].More, "kl")
	assert.Equal(t, "epoch 2: training loss 1, validation loss 1, kl 1, val_kl 0.5", h.Last().String())
	text, err := json.Marshal(h)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"metrics":{"kl":[null,1],"val_kl":[0.5,0.5]},"best_epoch":0`)
	var back History
	require.NoError(t, json.Unmarshal(text, &back))
	other, err := historyFrom(h.dict())
	require.NoError(t, err)
	for _, x := range []*History{&back, other} {
		assert.Equal(t, []float64{0.5, 0.5}, x.more()["val_kl"])
		assert.True(t, math.IsNaN(x.more()["kl"][0]))
		assert.Equal(t, 1.0, x.more()["kl"][1])
		assert.Len(t, x.more(), 2)
	}
	require.ErrorContains(t, json.Unmarshal([]byte(`{"train_losses": [1], "metrics": {"a": [1, 2]}}`), &back), "a holds 2 epochs, train_losses 1")
	d := h.dict()
	d.Set("metrics", torch.NewDict("a", []any{1.0}))
	_, err = historyFrom(d)
	require.ErrorContains(t, err, "a holds 1 epochs, train_losses 2")
	d.Set("metrics", 3)
	_, err = historyFrom(d)
	require.ErrorContains(t, err, "metrics")
}

// Files of other programs: lists of null, keys that are not there.
func TestHistoryReadsOthers(t *testing.T) {
	h := NewHistory()
	require.NoError(t, json.Unmarshal([]byte(`{"train_losses": [1, 2], "train_accs": [null, null], "best_epoch": 1, "x": 3}`), h))
	assert.Equal(t, []float64{1, 2}, h.list("train_losses"))
	assert.Equal(t, 1, h.BestEpoch)
	for text, want := range map[string]string{
		`{"train_losses": [1], "val_losses": [1, 2]}`: "val_losses holds 2 epochs, train_losses 1",
		`{"train_losses": [1], "best_epoch": 1}`:      "best_epoch is 1, there are 1 epochs",
		`{"train_losses": "x"}`:                       "string",
	} {
		path := filepath.Join(t.TempDir(), "h.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := LoadHistory(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

func TestHistorySaveIsWholeOrNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.json")
	h := NewHistory()
	require.NoError(t, h.Save(path))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "taken"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "taken", "x"), nil, 0o600))
	require.Error(t, h.Save(filepath.Join(dir, "taken")), "a folder is in the way")
	require.Error(t, h.Save(filepath.Join(dir, "absent", "history.json")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "no temporary file is left")
}

func TestPlot(t *testing.T) {
	defer func(dpi int) { plotDPI = dpi }(plotDPI)
	plotDPI = 120
	classes, noVal, one := NewHistory(), NewHistory(), NewHistory()
	regression := NewHistory()
	for i := range 30 {
		f := float64(i)
		e := lossEpoch(math.Exp(-f/5), math.Exp(-f/6)+0.01*f)
		regression.Update(e)
		e.TrainAcc, e.ValAcc = 1-math.Exp(-f/5), 0.9-0.5*math.Exp(-f/4)
		classes.Update(e)
		noVal.Update(lossEpoch(2, nan)) // flat
	}
	one.Update(lossEpoch(nan, math.Inf(1)))
	more := NewHistory()
	for i := range 3 {
		e := lossEpoch(1, 1)
		e.More = map[string]float64{"kl": float64(i), "val_kl": 1, "f1": nan}
		more.Update(e)
	}
	least, most := NewHistory(), NewHistory() // of the numbers, without room around them on a logarithmic scale
	for _, x := range []float64{1, 5e-324, 2} {
		least.Update(lossEpoch(x, x))
		most.Update(lossEpoch(x*8e307, x))
	}
	for name, h := range map[string]*History{"classes": classes, "noVal": noVal, "one": one, "regression": regression, "more": more, "least": least, "most": most} {
		path := filepath.Join(t.TempDir(), name+".png")
		require.NoError(t, h.Plot(path), name)
		f, err := os.Open(path)
		require.NoError(t, err)
		img, err := png.Decode(f)
		require.NoError(t, err, name)
		require.NoError(t, f.Close())
		height := 960
		if name == "more" {
			height = 1440 // a row for two names
		}
		assert.Equal(t, []int{1320, height}, []int{img.Bounds().Dx(), img.Bounds().Dy()})
		// The best epoch's mark is there exactly where there is a best epoch.
		found := false
		for x := range 1320 {
			for y := range 960 {
				r, g, b, _ := img.At(x, y).RGBA()
				found = found || r>>8 == uint32(figure.Green.R) && g>>8 == uint32(figure.Green.G) && b>>8 == uint32(figure.Green.B)
			}
		}
		assert.Equal(t, h.BestEpoch >= 0, found, name)
	}
	require.ErrorContains(t, NewHistory().Plot(filepath.Join(t.TempDir(), "x.png")), "no epochs")
}

func TestLog(t *testing.T) {
	var text strings.Builder
	log := Log(&text)
	require.NoError(t, log(lossEpoch(0.5, 0.25)))
	second := lossEpoch(0.4, nan)
	second.Index, second.TrainAcc = 1, 0.75
	require.NoError(t, log(second))
	assert.Equal(t, "epoch 1: training loss 0.5, validation loss 0.25\nepoch 2: training loss 0.4, training accuracy 0.75\n", text.String())
}
