// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import "github.com/etude-ml/etude/models/dataset"

const emotionWidth = dataset.EmbeddingSize

// Emotion holds what is measured of EmotionRecognizer.
type Emotion struct {
	MSE     Number  `json:"mse"` // over the 64 outputs: the loss
	MAE     Number  `json:"mae"` // over the 64 outputs
	Valence Feeling `json:"valence"`
	Arousal Feeling `json:"arousal"`
}

// Feeling holds what is measured of valence, in [-1, 1], or of arousal, in
// [0, 1], read back from the embedding.
type Feeling struct {
	RMSE Number `json:"rmse"`
	R    Number `json:"r"`   // Pearson's correlation
	CCC  Number `json:"ccc"` // Lin's concordance
}

// OfEmotion measures predicted embeddings, n rows of 64, against the true ones.
// The constant is the mean of the training targets, one row ([Mean]).
func OfEmotion(predictions, targets, constant []float32) (Report[Emotion], error) {
	n, err := check("emotion", emotionWidth, predictions, targets, constant)
	if err != nil {
		return Report[Emotion]{}, err
	}
	return Report[Emotion]{
		Samples:  n,
		Measures: emotion(predictions, targets),
		Constant: emotion(repeat(constant, n), targets),
	}, nil
}

func emotion(predictions, targets []float32) Emotion {
	valence, arousal := feelings(predictions)
	trueValence, trueArousal := feelings(targets)
	m := Emotion{Valence: feeling(valence, trueValence), Arousal: feeling(arousal, trueArousal)}
	m.MSE, m.MAE = differences(predictions, targets)
	return m
}

func feeling(predicted, truth []float64) Feeling {
	return Feeling{
		RMSE: rmse(predicted, truth),
		R:    correlation(predicted, truth),
		CCC:  concordance(predicted, truth),
	}
}

func feelings(rows []float32) (valence, arousal []float64) {
	for i := 0; i < len(rows); i += emotionWidth {
		v, a := dataset.ReadEmbedding(rows[i : i+emotionWidth])
		valence, arousal = append(valence, v), append(arousal, a)
	}
	return valence, arousal
}
