// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestSpecs(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		m := s.New(torch.CPU)
		byName, err := models.ByName(s.Name)
		require.NoError(t, err)
		assert.Equal(t, s.Title, byName.Title)
		found, err := models.Find(nn.StateDict(m), "")
		require.NoError(t, err)
		assert.Equal(t, s.Name, found.Spec.Name)
	}
}

func TestByName(t *testing.T) {
	_, err := models.ByName("Emotion")
	assert.EqualError(t, err, `models: there is no network "Emotion"; there are emotion, melody, harmony, dynamics, groove`)
}

// A row's sizes and names are those of its network.
func TestRowsAreTrue(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		torch.Scope(func() {
			m := s.New(torch.CPU)
			assert.Equal(t, []int{3, s.Out}, m.Forward(torch.Zeros([]int{3, s.In})).Shape(), s.Name)
			assert.Len(t, s.Outputs(), s.Out, s.Name)
			state := nn.StateDict(m)
			require.Len(t, models.Shapes(s), state.Len(), s.Name)
			for key, value := range state.All() {
				assert.Equal(t, models.Shapes(s)[key.(string)], value.(*torch.Tensor).Shape(), s.Name)
			}
		})
		assert.Less(t, s.InputRange[0], s.InputRange[1], s.Name)
	}
}

func TestRegisterRefuses(t *testing.T) {
	sixth := func(change func(*models.Spec)) models.Spec {
		s, err := models.ByName("groove")
		require.NoError(t, err)
		s.Name = "sixth"
		change(&s)
		return s
	}
	for text, change := range map[string]func(*models.Spec){
		`there is a network "groove" already`:                 func(s *models.Spec) { s.Name = "groove" },
		`there is a network "all" already`:                    func(s *models.Spec) { s.Name = "all" },
		`the network "sixth" lacks a source`:                  func(s *models.Spec) { s.Source = nil },
		`the network "sixth" lacks Loss, Measure and Outputs`: func(s *models.Spec) { s.Loss = nil },
		`the network "sixth" lacks New`:                       func(s *models.Spec) { s.New = nil },
		`the network "sixth" lacks the size of its input`:     func(s *models.Spec) { s.In = 0 },
		`the network "sixth" lacks defaults`:                  func(s *models.Spec) { s.Defaults = models.Defaults{} },
		`the network "sixth" lacks names for ONNX`:            func(s *models.Spec) { s.ONNXOutput = "" },
	} {
		assert.PanicsWithValue(t, "models: Register: "+text, func() { models.Register(sixth(change)) })
	}
	assert.Len(t, models.All(), 5)
}

// A file could be either's.
func TestTwoOfOneShape(t *testing.T) {
	torchtest.Need(t)
	melody, err := models.ByName("melody")
	require.NoError(t, err)
	melody.Name = "sixth"
	assert.PanicsWithValue(t, `models: Register: the network "sixth" has the names and shapes of "melody": rename a layer`,
		func() { models.CheckDistinct(append(models.All(), melody)) })
}

// To see the state of a network leaves the random numbers and the live tensors alone.
func TestStateLeavesNoTrace(t *testing.T) {
	torchtest.Need(t)
	s, err := models.ByName("melody")
	require.NoError(t, err)
	torch.ManualSeed(seed)
	want := torch.Rand([]int{4}).Float64s()
	torch.ManualSeed(seed)
	s.Name = "not seen yet"
	before := torch.Live()
	require.NotEmpty(t, models.Shapes(s))
	after := torch.Live()
	assert.Equal(t, []any{before.Tensors, before.Bytes}, []any{after.Tensors, after.Bytes})
	assert.Equal(t, want, torch.Rand([]int{4}).Float64s())
}

func TestFind(t *testing.T) {
	torchtest.Need(t)
	state := func() *torch.Dict { return nn.StateDict(models.NewEmotionRecognizer(torch.CPU)) }

	shuffled := torch.NewDict() // the order does not matter, nor does the kind of dict
	keys := state().Keys()
	for i := range keys {
		v, _ := state().Get(keys[len(keys)-1-i])
		shuffled.Set(keys[len(keys)-1-i], v)
	}
	found, err := models.Find(shuffled, "")
	require.NoError(t, err)
	assert.Equal(t, "emotion", found.Spec.Name)

	for text, change := range map[string]func(*torch.Dict){
		"here fc2.weight is missing":                     func(d *torch.Dict) { d.Delete("fc2.weight") },
		"here fc3.bias is [65]":                          func(d *torch.Dict) { d.Set("fc3.bias", torch.Zeros([]int{65})) },
		"here fc3.bias is not a tensor but string":       func(d *torch.Dict) { d.Set("fc3.bias", "no") },
		"here there is fc4.bias besides":                 func(d *torch.Dict) { d.Set("fc4.bias", torch.Zeros([]int{1})) },
		"melody has fc1.weight [256 64], fc1.bias [256]": func(d *torch.Dict) { d.Delete("fc1.weight") },
	} {
		d := state()
		change(d)
		_, err := models.Find(d, "")
		assert.ErrorContains(t, err, text)
	}
	_, err = models.Find(nil, "")
	assert.Error(t, err)
}

// Samples reads what the network takes: real files, their sizes and their ranges.
func TestSamples(t *testing.T) {
	shared := torchtest.SharedData(t)
	for _, s := range models.All() {
		samples, err := s.Source.Samples(t.Context(), shared, dataset.Options{})
		require.NoError(t, err)
		assert.Equal(t, s.In, samples.In, s.Name)
		assert.Equal(t, s.Out, samples.Out, s.Name)
		assert.NotZero(t, samples.Len())
	}
}
