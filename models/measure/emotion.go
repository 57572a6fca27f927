// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import "math"

// emotionWidth is the length of an emotion embedding: tanh(valence) 32 times,
// then tanh(arousal) 32 times.
const emotionWidth = 64

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
		v, a := ReadEmotion(rows[i : i+emotionWidth])
		valence, arousal = append(valence, v), append(arousal, a)
	}
	return valence, arousal
}

// ReadEmotion reads valence and arousal back from an embedding of 64 numbers:
// atanh of the mean of each half. A mean that no embedding has is taken for the
// nearest one that keeps atanh finite, ±(1 − 1e-6), which reads as ±7.25.
func ReadEmotion(embedding []float32) (valence, arousal float64) {
	half := len(embedding) / 2
	return readHalf(embedding[:half]), readHalf(embedding[half:])
}

func readHalf(half []float32) float64 {
	var sum float64
	for _, x := range half {
		sum += float64(x)
	}
	const limit = 1 - 1e-6
	return math.Atanh(min(max(sum/float64(len(half)), -limit), limit))
}
