// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Prediction is what a network answers to a sample: to a file, or to a window of one.
type Prediction struct {
	File    string
	Network string
	Part    string    // tells the samples of a file apart; empty where there is one, or a Start
	Start   float64   // seconds from the beginning of the file, of PredictEvery and Chain.Predict
	Input   []float32 // what the network takes
	Output  []float32 // as the network gives it; nil where there is an Err
	Values  []Value   // what Output stands for, by models.Spec.Reading
	Notes   []string  // faults of a file that was read all the same
	Err     error     // why there is no answer
}

// Value is a quantity with its name: valence, the share of a chord, the velocity at a step.
type Value struct {
	Name  string
	Value float64
}

// Top returns the n largest values, the largest first.
func (p Prediction) Top(n int) []Value {
	list := slices.Clone(p.Values)
	slices.SortStableFunc(list, func(a, b Value) int { return cmp.Compare(b.Value, a.Value) })
	return list[:min(n, len(list))]
}

// Predict reads files, several at a time, and lets the network answer: a prediction for each
// sample, in the order of the files. They are of the kind that the network is trained on, or
// hold inputs as [Model.PredictJSON] reads them, with the extension .json (but for a network
// that reads chords) or .jsonl. A file that cannot be used is a prediction with its Err;
// the error is about the network, or ctx's cause.
func (m *Model) Predict(ctx context.Context, files ...string) ([]Prediction, error) {
	features := m.Spec.Source.Features
	if source, ok := m.Spec.Source.(dataset.Chords); ok {
		features = source.FeaturesAhead
	}
	return m.predict(ctx, runtime.GOMAXPROCS(0), features, files)
}

// PredictEvery is [Model.Predict] for the windows of sounds that begin every so many seconds,
// at least 0.01: each is as long as what Predict takes of a file. It is an error for a
// network that does not take sound.
func (m *Model) PredictEvery(ctx context.Context, every float64, files ...string) ([]Prediction, error) {
	source, ok := m.Spec.Source.(dataset.Files)
	if !ok || source.Windows == nil {
		return nil, fmt.Errorf("%s does not take sound, of which there could be windows", m.Spec.Name)
	}
	// One at a time, because whole sounds are in memory.
	return m.predict(ctx, 1, func(path string) (*dataset.Features, error) { return source.Windows(ctx, path, every) }, files)
}

func (m *Model) predict(ctx context.Context, atOnce int, features func(string) (*dataset.Features, error), files []string) ([]Prediction, error) {
	read := make([][]Prediction, len(files))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, file := range files {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			read[i] = m.read(file, features)
			return nil
		})
	}
	_ = g.Wait()
	return m.answer(ctx, slices.Concat(read...))
}

// PredictJSON answers inputs that are written as JSON, of which there may be several, one
// after another or in a list. An input is a list of numbers, an object with it as "input",
// as `etude features` prints, or, where the network takes an emotion, an object with its
// "valence" and "arousal". "file" and "part" in the object name it; name stands for the
// file otherwise.
func (m *Model) PredictJSON(ctx context.Context, name string, r io.Reader) ([]Prediction, error) {
	return m.answer(ctx, m.readJSON(name, r))
}

func (m *Model) read(file string, read func(string) (*dataset.Features, error)) []Prediction {
	ext := strings.ToLower(filepath.Ext(file))
	if kinds := m.Spec.Source.Reads(); !slices.Contains(kinds, ext) && (ext == ".json" || ext == ".jsonl") {
		f, _, err := wholefile.Open(file)
		if err != nil {
			return []Prediction{{File: file, Err: err}}
		}
		defer f.Close()
		return m.readJSON(file, f)
	}
	features, err := read(file)
	if err != nil {
		return []Prediction{{File: file, Err: err}}
	}
	list := make([]Prediction, len(features.Parts))
	for i, p := range features.Parts {
		list[i] = Prediction{File: file, Part: p.Name, Start: p.Start, Input: p.Input, Notes: features.Notes}
		if p.Input == nil {
			list = list[:1] // all want the same
			list[0].Part, list[0].Err = "", fmt.Errorf(`%s: %s takes an emotion, which the file does not hold: give {"valence": …, "arousal": …} as JSON`, file, m.Spec.Name)
			break
		}
	}
	return list
}

func (m *Model) readJSON(name string, r io.Reader) (list []Prediction) {
	for d := json.NewDecoder(r); ; {
		var text json.RawMessage
		err := d.Decode(&text)
		if err == nil {
			list = m.inputs(list, name, text)
			continue
		}
		if errors.Is(err, io.EOF) {
			if len(list) > 0 {
				return list
			}
			err = errors.New("no input in it")
		}
		return append(list, Prediction{File: name, Err: fmt.Errorf("%s: %w", name, err)})
	}
}

// inputs adds the inputs of one JSON value to a list.
func (m *Model) inputs(list []Prediction, name string, text json.RawMessage) []Prediction {
	var several []json.RawMessage
	if json.Unmarshal(text, &several) == nil && len(several) > 0 && strings.ContainsAny(string(several[0][:1]), "[{") {
		for _, one := range several {
			list = m.inputs(list, name, one)
		}
		return list
	}
	var v struct {
		File, Network, Part, Error string
		Input                      []*float32 // nil for null
		Valence, Arousal           *float64
	}
	into := any(&v)
	if text[0] == '[' {
		into = &v.Input
	}
	err := json.Unmarshal(text, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = fmt.Errorf(`an input is a list of numbers, {"input": […]} or {"valence": …, "arousal": …}; this one has a JSON %s in its place`, wrong.Value)
	}
	var input []float32
	for _, x := range v.Input {
		if x == nil {
			err = cmp.Or(err, errors.New("one of its numbers is null"))
			break
		}
		input = append(input, *x)
	}
	mood := dataset.Label{}
	if v.Valence != nil && v.Arousal != nil {
		mood.Valence, mood.Arousal = *v.Valence, *v.Arousal
	}
	switch {
	case err != nil:
	case v.Error != "":
		err = errors.New(v.Error)
	case v.Network != "" && v.Network != m.Spec.Name:
		err = fmt.Errorf("the input is for the network %s, not for %s", v.Network, m.Spec.Name)
	case v.Input != nil && len(input) != m.Spec.In:
		err = fmt.Errorf("%s takes %d numbers, not %d", m.Spec.Name, m.Spec.In, len(input))
	case v.Input != nil:
	case m.Spec.In != dataset.EmbeddingSize:
		err = fmt.Errorf(`no "input" with %d numbers for %s`, m.Spec.In, m.Spec.Name)
	case v.Valence == nil || v.Arousal == nil:
		err = fmt.Errorf(`neither "input" with %d numbers for %s, nor "valence" and "arousal"`, m.Spec.In, m.Spec.Name)
	case max(mood.Valence, -mood.Valence) > 1 || mood.Arousal < 0 || mood.Arousal > 1:
		err = fmt.Errorf("valence %g and arousal %g are not in [-1, 1] and [0, 1]", mood.Valence, mood.Arousal)
	default:
		input = dataset.Embedding(mood.Valence, mood.Arousal)
	}
	p := Prediction{File: cmp.Or(v.File, name), Part: v.Part, Input: input, Err: err}
	if v.File == "" && v.Part == "" {
		p.Part = fmt.Sprint("input ", len(list)+1)
	}
	return append(list, p)
}

// answer fills the predictions in.
func (m *Model) answer(ctx context.Context, list []Prediction) ([]Prediction, error) {
	var x []float32
	for _, p := range list {
		if p.Err == nil {
			x = append(x, p.Input...)
		}
	}
	out, err := m.Forward(ctx, x)
	if err = cmp.Or(context.Cause(ctx), err); err != nil {
		return nil, err
	}
	reading := m.Spec.Reading()
	for i := range list {
		p := &list[i]
		if p.Network = m.Spec.Name; p.Err != nil {
			continue
		}
		p.Output, out = out[:m.Spec.Out:m.Spec.Out], out[m.Spec.Out:]
		if notFinite(p.Output) > 0 {
			p.Output, p.Err = nil, fmt.Errorf("%s: the network's output for it is not finite", p.File)
			continue
		}
		for i, v := range reading.Read(p.Output) {
			p.Values = append(p.Values, Value{reading.Names[i], v})
		}
	}
	return list, nil
}
