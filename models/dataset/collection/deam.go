// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

// DEAM: annotations/annotations averaged per song/song_level/
// static_annotations_averaged_songs_1_2000.csv and …_2000_2058.csv, header
// "song_id, valence_mean, valence_std, arousal_mean, arousal_std" (spaces after
// the commas; the second file has further columns), values from 1 to 9; audio
// MEMD_audio/ID.mp3. The two archives, DEAM_Annotations and DEAM_audio, unpack
// side by side; a mirror keeps folders of their names. Seen in some ten public
// loaders; the scale is that of Aljanaki, Yang, Soleymani, "Developing a
// benchmark for emotional analysis of music", PLOS ONE 12(3), 2017.
var deam = collection{Info{
	Name:     "deam",
	Title:    "DEAM, MediaEval Database for Emotional Analysis in Music: 1,802 excerpts and songs with mean ratings",
	Gives:    "training/audio with labels.csv",
	Download: "DEAM_audio.zip and DEAM_Annotations.zip from the University of Geneva (cvml.unige.ch/databases/DEAM), unpacked into one folder",
	Licence:  "the music is under Creative Commons licences of its authors; others cite the whole as CC BY-NC, the publisher's manual decides",
}, ratings{
	index: "static_annotations_averaged_songs_*.csv",
	id:    "song_id", valence: "valence_mean", arousal: "arousal_mean",
	low: 1, high: 9, folder: "memd_audio", derived: "rescaled from 1 to 9",
}.read}
