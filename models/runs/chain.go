// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/trainer"
)

// Chain holds the networks of a run that answer to a sound one after another.
type Chain struct {
	Emotion                           *Model
	Melody, Harmony, Groove, Dynamics *Model // nil where the run has none

	Missing []string // names of those
}

// ChainOptions say how much a chain predicts.
type ChainOptions struct {
	Every float64 // seconds from window to window of the sound, see [Model.PredictEvery]; 0: its first 2 s alone
	Bars  int     // bars for each window, with a chord each; 0: 16, and 4 with Every
	Seed  uint64  // of what is drawn
}

// OpenChain opens the networks of a folder RUN, as [OpenPredictor] does. It is an error if
// emotion is not among them.
func OpenChain(run string) (_ *Chain, err error) {
	c := &Chain{}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	for _, link := range []struct {
		name  string
		model **Model
	}{{"emotion", &c.Emotion}, {"melody", &c.Melody}, {"harmony", &c.Harmony}, {"groove", &c.Groove}, {"dynamics", &c.Dynamics}} {
		path := newFolder(run, link.name)
		if !isFile(path.file(trainer.ModelFile)) && !isFile(path.file(onnxFile)) {
			c.Missing = append(c.Missing, link.name)
			continue
		}
		m, err := OpenPredictor(string(path))
		if err != nil {
			return nil, err
		}
		if *link.model = m; m.Spec.Name != link.name {
			return nil, fmt.Errorf("%s: it holds the network %s", path, m.Spec.Name)
		}
	}
	if c.Emotion == nil {
		return nil, fmt.Errorf("%s: no network emotion in it, with which a chain begins: name the folder that `etude train` wrote", run)
	}
	return c, nil
}

// Models lists the networks that there are.
func (c *Chain) Models() []*Model {
	return slices.DeleteFunc([]*Model{c.Emotion, c.Melody, c.Harmony, c.Groove, c.Dynamics}, func(m *Model) bool { return m == nil })
}

// Close frees the networks.
func (c *Chain) Close() {
	for _, m := range c.Models() {
		m.Close()
	}
}

// Predict lets emotion answer to a sound, or to each of its windows, and the others to
// what it answers; the predictions are in this order. Valence and arousal are read from
// emotion's output, limited to their ranges and embedded again, because the others learned
// from such embeddings alone.
//
// Harmony answers for four chords at a time, as in training: they are drawn from its shares,
// in no order, and are the context of the next four, also from window to window. Part names
// them. Before the first chord the context is zeros, which training had not. Dynamics answers
// last, to 4 s of the sketch at a time.
//
// A sound that cannot be used is a prediction with its Err; the error is about a network,
// or ctx's cause. The same sound, options and networks give the same sketch.
func (c *Chain) Predict(ctx context.Context, file string, o ChainOptions) ([]Prediction, *Sketch, error) {
	predict, bars := c.Emotion.Predict, 4*chords.Ahead
	if o.Every != 0 {
		bars = chords.Ahead
		predict = func(ctx context.Context, files ...string) ([]Prediction, error) {
			return c.Emotion.PredictEvery(ctx, o.Every, files...)
		}
	}
	moods, err := predict(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	bars = cmp.Or(o.Bars, bars)
	if len(moods)*bars > maxBars {
		return nil, nil, fmt.Errorf("%s: a sketch of %d bars is too long: give fewer bars, or more seconds between windows, for at most %d", file, len(moods)*bars, maxBars)
	}
	s := &Sketch{rng: rand.New(rand.NewPCG(o.Seed, 0))}
	var list []Prediction
	for _, mood := range moods {
		if mood.Err != nil {
			list = append(list, mood)
			continue
		}
		valence, arousal := dataset.ReadEmbedding(mood.Output)
		v, a := min(max(valence, -1), 1), min(max(arousal, 0), 1)
		if v != valence || a != arousal {
			mood.Notes = append(slices.Clip(mood.Notes), fmt.Sprintf("valence %.3g and arousal %.3g count as %.3g and %.3g in the chain: the other networks learned from -1 to 1 and 0 to 1", valence, arousal, v, a))
		}
		list = append(list, mood)
		answer := func(m *Model, part string, context ...float32) ([]float32, error) {
			if m == nil {
				return nil, nil
			}
			one := []Prediction{{File: mood.File, Part: part, Start: mood.Start, Input: append(dataset.Embedding(v, a), context...)}}
			if one, err = m.answer(ctx, one); err != nil {
				return nil, err
			}
			list = append(list, one[0])
			return one[0].Output, nil
		}
		var outputs [2][]float32
		for i, m := range []*Model{c.Melody, c.Groove} {
			if outputs[i], err = answer(m, mood.Part); err != nil {
				return nil, nil, err
			}
		}
		var shares []float32
		for bar := range bars {
			class := -1
			if bar%chords.Ahead == 0 {
				part := fmt.Sprintf("chords %d-%d:", len(s.Chords)+1, len(s.Chords)+min(chords.Ahead, bars-bar))
				if shares, err = answer(c.Harmony, part, chords.Context(s.Chords)...); err != nil {
					return nil, nil, err
				}
			}
			if shares != nil {
				class = s.addChord(shares)
				list[len(list)-1].Part += " " + chords.ClassName(class)
			}
			s.addBar(class, outputs[0], outputs[1])
		}
	}
	if c.Dynamics != nil {
		loud, err := s.play(ctx, c.Dynamics, file)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, loud...)
	}
	return list, s, nil
}
