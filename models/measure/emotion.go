// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import "github.com/etude-ml/etude/models/dataset"

// EmotionMeasures holds the measures of EmotionRecognizer.
type EmotionMeasures struct {
	MSE     Number  `json:"mse"` // over the 64 outputs: the loss
	MAE     Number  `json:"mae"` // over the 64 outputs
	Valence Feeling `json:"valence"`
	Arousal Feeling `json:"arousal"`
}

// Feeling holds the measures of valence, in [-1, 1], or of arousal, in [0, 1], read
// back from the embedding.
type Feeling struct {
	RMSE Number `json:"rmse"`
	R    Number `json:"r"`   // Pearson's correlation
	CCC  Number `json:"ccc"` // Lin's concordance
}

// Emotion measures EmotionRecognizer, whose rows are embeddings of 64, by
// [EmotionMeasures].
func Emotion(predictions, targets, constant []float32) (*Report, error) {
	return report("emotion", dataset.EmbeddingSize, emotion, predictions, targets, constant)
}

// Rows lists the measures for a table.
func (m EmotionMeasures) Rows() []Row {
	return []Row{
		{"valence RMSE", m.Valence.RMSE, LowerIsBetter},
		{"valence r", m.Valence.R, HigherIsBetter},
		{"valence CCC", m.Valence.CCC, HigherIsBetter},
		{"arousal RMSE", m.Arousal.RMSE, LowerIsBetter},
		{"arousal r", m.Arousal.R, HigherIsBetter},
		{"arousal CCC", m.Arousal.CCC, HigherIsBetter},
		{"MSE", m.MSE, LowerIsBetter},
		{"MAE", m.MAE, LowerIsBetter},
	}
}

func emotion(predictions, targets []float32) Measures {
	valence, arousal := feelings(predictions)
	trueValence, trueArousal := feelings(targets)
	m := EmotionMeasures{Valence: feeling(valence, trueValence), Arousal: feeling(arousal, trueArousal)}
	m.MSE, m.MAE = differences(predictions, targets)
	return m
}

func feeling(predicted, truth []float64) Feeling {
	mse, _ := differences(predicted, truth)
	return Feeling{
		RMSE: root(mse),
		R:    correlation(predicted, truth),
		CCC:  concordance(predicted, truth),
	}
}

func feelings(rows []float32) (valence, arousal []float64) {
	for i := 0; i < len(rows); i += dataset.EmbeddingSize {
		v, a := dataset.ReadEmbedding(rows[i : i+dataset.EmbeddingSize])
		valence, arousal = append(valence, v), append(arousal, a)
	}
	return valence, arousal
}
