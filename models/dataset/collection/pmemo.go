// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

// PMEmo: PMEmo2019/annotations/static_annotations.csv, header
// "musicId,Arousal(mean),Valence(mean)", values from 0 to 1; audio
// PMEmo2019/chorus/ID.mp3. Seen in public loaders and in the dataset's own
// repository, HuiZhangDB/PMEmo, whose notebooks read the same columns. An older
// edition of 2018 writes "Chorus" and has other annotation files, which are not
// read.
var pmemo = collection{Info{
	Name:     "pmemo",
	Title:    "PMEmo2019: choruses of 794 pop songs, 767 of them with mean ratings",
	Gives:    "training/audio with labels.csv",
	Download: "the archive PMEmo2019 that github.com/HuiZhangDB/PMEmo points to",
	Licence:  "its repository states none and asks to cite Zhang et al., ICMR 2018; the choruses are excerpts of copyrighted songs",
}, ratings{
	index: "static_annotations.csv",
	id:    "musicid", valence: "valence(mean)", arousal: "arousal(mean)",
	low: 0, high: 1, folder: "chorus", derived: "valence rescaled from 0 to 1",
}.read}
