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
		assert.Equal(t, s.Parameters, nn.ParameterCount(m), s.Name)
		byName, err := models.ByName(s.Name)
		require.NoError(t, err)
		assert.Equal(t, s.Title, byName.Title)
		recognized, err := models.Recognize(nn.StateDict(m))
		require.NoError(t, err)
		assert.Equal(t, s.Name, recognized.Name)
	}
}

func TestByName(t *testing.T) {
	for name, text := range map[string]string{
		"harmony": `models: the network "harmony" is not built yet; there are emotion, melody`,
		"Emotion": `models: there is no network "Emotion"; there are emotion, melody`,
	} {
		_, err := models.ByName(name)
		assert.EqualError(t, err, text)
	}
}

func TestRecognize(t *testing.T) {
	torchtest.Need(t)
	state := func() *torch.Dict { return nn.StateDict(models.NewEmotionRecognizer(torch.CPU)) }

	shuffled := torch.NewDict() // the order does not matter, nor does the kind of dict
	keys := state().Keys()
	for i := range keys {
		v, _ := state().Get(keys[len(keys)-1-i])
		shuffled.Set(keys[len(keys)-1-i], v)
	}
	s, err := models.Recognize(shuffled)
	require.NoError(t, err)
	assert.Equal(t, "emotion", s.Name)

	for text, change := range map[string]func(*torch.Dict){
		"here fc2.weight is missing":                     func(d *torch.Dict) { d.Delete("fc2.weight") },
		"here fc3.bias is [65]":                          func(d *torch.Dict) { d.Set("fc3.bias", torch.Zeros([]int{65})) },
		"here fc3.bias is not a tensor but string":       func(d *torch.Dict) { d.Set("fc3.bias", "no") },
		"here there is fc4.bias besides":                 func(d *torch.Dict) { d.Set("fc4.bias", torch.Zeros([]int{1})) },
		"melody has fc1.weight [256 64], fc1.bias [256]": func(d *torch.Dict) { d.Delete("fc1.weight") },
	} {
		d := state()
		change(d)
		_, err := models.Recognize(d)
		assert.ErrorContains(t, err, text)
	}
	_, err = models.Recognize(nil)
	assert.Error(t, err)
}

// Samples reads what the network takes: real files, their sizes and their ranges.
func TestSamples(t *testing.T) {
	shared := torchtest.SharedData(t)
	for _, s := range models.All() {
		samples, err := s.Samples(t.Context(), shared, dataset.Options{})
		require.NoError(t, err)
		assert.Equal(t, s.In, samples.In, s.Name)
		assert.Equal(t, s.Out, samples.Out, s.Name)
		assert.NotZero(t, samples.Len())
	}
}
