// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/audio"
)

// metadata is what an exported file says of itself, beside what the exporter
// adds: how inputs are made from files, what the outputs mean, and the run that
// the weights come from (nil where nobody knows). Values but the names are JSON.
func metadata(spec models.Spec, run *Identity) (map[string]string, error) {
	entries := map[string]any{}
	embedding := map[string]any{
		"meaning": "tanh(valence) 32 times, then tanh(arousal) 32 times",
		"valence": []float64{-1, 1},
		"arousal": []float64{0, 1},
	}
	switch spec.Name {
	case "emotion":
		entries["etude.preprocessing"] = map[string]any{
			"feature": "log-mel", "seconds": audio.Seconds, "sample_rate": audio.SampleRate,
			"n_fft": audio.WindowSize, "hop_length": audio.HopSize, "window": "hann, periodic",
			"center": true, "pad_mode": "constant", "power": 2,
			"n_mels": audio.Bands, "fmin": 0, "fmax": audio.MaxHz, "mel_scale": "slaney", "mel_norm": "slaney",
			"amin": audio.Floor, "ref": "max", "top_db": audio.RangeDB,
			"reduce": "mean over frames", "divide_by": audio.RangeDB,
			"silent_below_dbfs": audio.SilenceDB,
		}
		entries["etude.labels"] = embedding
	case "melody":
		entries["etude.preprocessing"] = embedding
		entries["etude.labels"] = map[string]any{"meaning": "share of note-ons at each MIDI pitch", "pitches": []int{0, 127}}
	}
	if run != nil {
		entries["etude.run"] = run
	}
	out := map[string]string{"etude.network": spec.Name, "etude.model": spec.Title}
	for key, value := range entries {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out[key] = string(text)
	}
	return out, nil
}

// Identity tells from which training weights come.
type Identity struct {
	Settings    Settings `json:"settings"`
	Fingerprint string   `json:"data_fingerprint"`
	Versions    Versions `json:"versions"`
	BestEpoch   int      `json:"best_epoch"`
}
