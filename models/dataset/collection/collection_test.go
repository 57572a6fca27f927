// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset"
)

// layouts makes miniatures of the published collections, as folders and as zips.
func layouts(t *testing.T) string {
	t.Helper()
	python := os.Getenv("ETUDE_TEST_PYTHON")
	if python == "" {
		var err error
		if python, err = exec.LookPath("python3"); err != nil {
			if os.Getenv("ETUDE_TEST_REQUIRE_PYTHON") == "1" {
				t.Fatal("no python3, but ETUDE_TEST_REQUIRE_PYTHON=1")
			}
			t.Skip("no python3, which makes the layouts")
		}
	}
	dir := t.TempDir()
	out, err := exec.Command(python, "testdata/make_layouts.py", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// tree lists the files below a folder.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, filepath.ToSlash(p[len(root)+1:]))
		}
		return err
	}))
	return names
}

// written holds what an import must leave: label files word for word, other files by
// name, and what was left out, as "name: reason".
type written struct {
	labels  map[string]string
	files   []string
	leftOut []string
}

const (
	deamTable  = "static_annotations_averaged_songs_1_2000.csv line "
	progressed = `{"id":"billboard/0003","title":"Rock & Roll","artist":"The Café","key":"A","metre":"4/4","sections":[],"chords":["A:min","A:min","C:maj/5","C:maj/5","N","A:min","A:min","C:7(#9)","F#:hdim7","A:min","A:min","C:7(#9)","F#:hdim7","*","E:sus4(b7,9)"]},
{"id":"billboard/0004","title":"Two Keys","artist":"Her","key":"F#","metre":"3/4","sections":[{"key":"F#","chords":["F#:maj","B:maj"]},{"key":"G","chords":["G:maj","D:7"]},{"key":"F#","chords":["C#:7","F#:maj"]}],"chords":["F#:maj","B:maj","G:maj","D:7","C#:7","F#:maj"]},
{"id":"billboard/0008","title":"Forever","artist":"Him","key":"C","metre":"4/4","sections":[],"chords":["C:maj"]}`
)

var maestroWritten = written{
	files:   []string{"training/dynamics_midi/maestro/2004/b 2.midi", "training/dynamics_midi/maestro/2018/MIDI-Unprocessed_a--1.midi"},
	leftOut: []string{"2004/lost.midi: no MIDI file for this entry of the index", "maestro-v3.0.0/2004/extra.midi: not in the index"},
}

// layoutsWritten holds this by the name of a layout, which begins with the collection's
// name, up to a "_".
var layoutsWritten = map[string]written{
	"deam": {
		labels: map[string]string{"training/audio/labels.csv": "filename,valence,arousal,group,derived\n" +
			"deam/2.mp3,-0.475,0.25,,rescaled from 1 to 9\ndeam/2001.mp3,-1,1,,rescaled from 1 to 9\ndeam/3.mp3,1,0,,rescaled from 1 to 9\n"},
		files: []string{"training/audio/deam/2.mp3", "training/audio/deam/2001.mp3", "training/audio/deam/3.mp3"},
		leftOut: []string{
			deamTable + `6: the row cannot be read: bare " in non-quoted-field: put a field that holds quotes or commas in quotes, and double the quotes inside`,
			deamTable + "4: valence_mean is 9.5, outside the published range 1 to 9",
			deamTable + `5: valence_mean is "nan", no number`,
			"7: no audio file for this label",
			deamTable + "8: arousal_mean is missing",
			"DEAM_audio_full/2.mp3: no usable label for this file",
			"MEMD_audio/10.mp3: no usable label for this file",
			"MEMD_audio/4.mp3: no usable label for this file",
			"MEMD_audio/5.mp3: no usable label for this file",
			"MEMD_audio/6.mp3: no usable label for this file",
			"MEMD_audio/8.mp3: no usable label for this file",
		},
	},
	"pmemo": {
		labels: map[string]string{"training/audio/labels.csv": "filename,valence,arousal,group,derived\n" +
			"pmemo/1.mp3,0.15,0.4,,valence rescaled from 0 to 1\npmemo/4.mp3,-1,1,,valence rescaled from 0 to 1\n"},
		files:   []string{"training/audio/pmemo/1.mp3", "training/audio/pmemo/4.mp3"},
		leftOut: []string{"5: no audio file for this label"},
	},
	"emopia": {
		labels: map[string]string{
			"training/audio/labels.csv": "filename,valence,arousal,group,derived\nemopia/Q3_c_0.wav,-0.5,0.25,c,centre of quadrant Q3\n",
			"training/midi/emotion_labels.json": `{
"emopia/Q1__kJ-x_0.mid": {"valence":0.5,"arousal":0.75,"derived":"centre of quadrant Q1","group":"_kJ-x"},
"emopia/Q2_song_two_12.mid": {"valence":-0.5,"arousal":0.75,"derived":"centre of quadrant Q2","group":"song_two"},
"emopia/Q3_c_0.mid": {"valence":-0.5,"arousal":0.25,"derived":"centre of quadrant Q3","group":"c"},
"emopia/Q4_d_1.mid": {"valence":0.5,"arousal":0.25,"derived":"centre of quadrant Q4","group":"d"}
}
`,
		},
		files: []string{"training/audio/emopia/Q3_c_0.wav", "training/midi/emopia/Q1__kJ-x_0.mid", "training/midi/emopia/Q2_song_two_12.mid",
			"training/midi/emopia/Q3_c_0.mid", "training/midi/emopia/Q4_d_1.mid"},
		leftOut: []string{
			"EMOPIA_2.2/midis/Q1_other_0.mid: label.csv puts it into quadrant 3, against its name",
			"EMOPIA_2.2/midis/readme.mid: not called Q1_SONG_0, by quadrant, song and clip",
			"Q4_gone_0: no MIDI or audio file for this label",
		},
	},
	"vgmidi": {
		labels: map[string]string{"training/midi/emotion_labels.json": `{
"vgmidi/Mario_NES_Mario_Hop, skip_0.mid": {"valence":0.5,"arousal":0.75,"derived":"centre of the quadrant of the published signs","group":"Mario_NES_Mario_Hop, skip"},
"vgmidi/Mario_NES_Mario_Hop, skip_1.mid": {"valence":0.5,"arousal":0.25,"derived":"centre of the quadrant of the published signs","group":"Mario_NES_Mario_Hop, skip"},
"vgmidi/Zelda_N64_Zelda_Wood_0.mid": {"valence":-0.5,"arousal":0.25,"derived":"centre of the quadrant of the published signs","group":"Zelda_N64_Zelda_Wood"}
}
`},
		files: []string{"training/midi/vgmidi/Mario_NES_Mario_Hop, skip_0.mid", "training/midi/vgmidi/Mario_NES_Mario_Hop, skip_1.mid", "training/midi/vgmidi/Zelda_N64_Zelda_Wood_0.mid"},
		leftOut: []string{
			"Zelda_N64_Zelda_Wood_1.mid: no MIDI file for this label",
			"vgmidi_labelled.csv line 6: arousal is 2, outside the published range -1 to 1",
			"vgmidi-main/labelled/midi/Zelda_N64_Zelda_Wood.mid: no label for this file",
		},
	},
	"vgmidi_old": {
		labels: map[string]string{"training/midi/emotion_labels.json": `{
"vgmidi/F_PS1_F_Go_0.mid": {"valence":0.5,"arousal":0.25,"derived":"centre of the quadrant of the published signs","group":"F_PS1_F_Go"},
"vgmidi/F_PS1_F_Run_0.mid": {"valence":-0.5,"arousal":0.75,"derived":"centre of the quadrant of the published signs","group":"F_PS1_F_Run"}
}
`},
		files: []string{"training/midi/vgmidi/F_PS1_F_Go_0.mid", "training/midi/vgmidi/F_PS1_F_Run_0.mid"},
	},
	"maestro": maestroWritten, "maestro_columns": maestroWritten, "maestro_records": maestroWritten,
	"groove": {
		labels: map[string]string{"training/drums/drum_labels.json": `{
"groove/drummer1/session1/1_funk-groove1_138_beat_4-4.mid": {"valence":0,"arousal":0.557,"derived":"arousal from tempo; valence unknown","style":"funk/groove1","bpm":138,"beat_type":"beat","group":"drummer1_session1"},
"groove/drummer2/session1/5_jazz_290_beat_4-4.mid": {"valence":0,"arousal":1,"derived":"arousal from tempo; valence unknown","style":"jazz","bpm":290,"beat_type":"beat","group":"drummer2_session1"},
"groove/drummer7/eval_session/2_rock_67_fill_4-4.mid": {"valence":0,"arousal":0.05,"derived":"arousal from tempo; valence unknown","style":"rock","bpm":67,"beat_type":"fill","group":"drummer7_eval_session"}
}
`},
		files: []string{"training/drums/groove/drummer1/session1/1_funk-groove1_138_beat_4-4.mid",
			"training/drums/groove/drummer2/session1/5_jazz_290_beat_4-4.mid", "training/drums/groove/drummer7/eval_session/2_rock_67_fill_4-4.mid"},
		leftOut: []string{
			`info.csv line 5: bpm is "fast", no number`,
			"info.csv line 6: the index names a file outside of its folder",
			"drummer2/session1/8.mid: no MIDI file for this entry of the index",
			"groove/drummer2/session1/9.mid: not in the index",
		},
	},
	"billboard": {
		labels: map[string]string{"training/chords/chord_progressions.json": "{\n\"progressions\": [\n" + progressed + "\n]\n}\n"},
		leftOut: []string{
			"McGill-Billboard/0004/salami_chords.txt line 13: the line cannot be read: a dot without a chord before it",
			`McGill-Billboard/0005/salami_chords.txt: the tonic at its beginning is "?": chords are learned relative to one`,
			"McGill-Billboard/0006/salami_chords.txt: no chords in it",
			`McGill-Billboard/0007/salami_chords.txt: McGill-Billboard/0007/salami_chords.txt: line 1: "# title: Caf\xe9" is not UTF-8 (byte 0xe9 at 12 of the file; Latin-1, perhaps): save it as UTF-8`,
			"McGill-Billboard/0008/salami_chords.txt line 8: the line cannot be read: a phrase repeated 999 times",
			"McGill-Billboard/0008/salami_chords.txt line 9: the line cannot be read: no time and tab before the phrase",
			"McGill-Billboard/0008/salami_chords.txt line 10: the line cannot be read: a bar is not closed",
		},
	},
	"emodb": {
		labels: map[string]string{"training/audio/labels.csv": `filename,valence,arousal,group,derived
emodb/03a01Fa.wav,0.5,0.75,emodb_03,from the acted emotion: happiness
emodb/03a01Wb.wav,-0.5,0.75,emodb_03,from the acted emotion: anger
emodb/08a02N.wav,0,0.5,emodb_08,from the acted emotion: neutral
emodb/08b10Lc.wav,-0.5,0.25,emodb_08,from the acted emotion: boredom
emodb/16a07Ab.wav,-0.5,0.75,emodb_16,from the acted emotion: fear
emodb/16a07Ea.wav,-0.5,0.5,emodb_16,from the acted emotion: disgust
emodb/16a07Td.wav,-0.5,0.25,emodb_16,from the acted emotion: sadness
`},
		files: []string{"training/audio/emodb/03a01Fa.wav", "training/audio/emodb/03a01Wb.wav", "training/audio/emodb/08a02N.wav", "training/audio/emodb/08b10Lc.wav",
			"training/audio/emodb/16a07Ab.wav", "training/audio/emodb/16a07Ea.wav", "training/audio/emodb/16a07Td.wav"},
		leftOut: []string{"wav/noise.wav: not called 03a01Fa.wav, by speaker, text and emotion"},
	},
}

// Each layout, as a folder and as a zip, twice: the label files word for word,
// the files with their contents, and nothing else.
func TestLayouts(t *testing.T) {
	dir := layouts(t)
	tested := map[string]bool{}
	for layout, want := range layoutsWritten {
		name, _, _ := strings.Cut(layout, "_")
		tested[name] = true
		for _, from := range []string{filepath.Join(dir, layout), filepath.Join(dir, layout+".zip")} {
			to := filepath.Join(t.TempDir(), "data")
			calls := 0
			r, err := Import(context.Background(), name, Options{From: from, To: to, Progress: func(done, total int, file string) {
				calls++
				assert.Equal(t, [2]int{calls, len(want.files)}, [2]int{done, total})
				assert.Contains(t, file, name+"/")
			}})
			require.NoError(t, err, from)
			assert.Equal(t, len(want.files), calls, from)
			left := []string{}
			for _, s := range r.LeftOut {
				left = append(left, s.Name+": "+s.Reason)
			}
			assert.ElementsMatch(t, want.leftOut, left, from)
			all := append([]string{}, want.files...)
			for file, text := range want.labels {
				all = append(all, file)
				got, err := os.ReadFile(filepath.Join(to, file))
				require.NoError(t, err, from)
				assert.Equal(t, text, string(got), from)
			}
			assert.ElementsMatch(t, all, tree(t, to), from)
			files := r.Imported()
			if name == "billboard" {
				assert.Equal(t, 3, files)
			} else {
				assert.Equal(t, len(want.files), files)
			}

			before := times(t, to)
			again, err := Import(context.Background(), name, Options{From: from, To: to})
			require.NoError(t, err, from)
			assert.Equal(t, before, times(t, to), "%s: a second import changes nothing", from)
			assert.Equal(t, files, again.Imported())
			for _, k := range again.Kinds {
				assert.Zero(t, k.Linked+k.Copied+k.Labels.Added+k.Labels.Replaced, from)
			}
		}
	}
	for _, name := range Names() {
		assert.True(t, tested[name], "%s has no layout", name)
	}
}

// times gives when each file was written, and its inode's other properties.
func times(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range tree(t, root) {
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		all[name] = info.ModTime().String() + info.Mode().String()
	}
	return all
}

// The readers of package dataset read what was imported, with the same labels and groups.
func TestReadersReadIt(t *testing.T) {
	dir := layouts(t)
	to := t.TempDir()
	for _, name := range []string{"emodb", "emopia", "vgmidi"} {
		_, err := Import(context.Background(), name, Options{From: filepath.Join(dir, name+".zip"), To: to})
		require.NoError(t, err)
	}
	sound, err := dataset.EmotionSource.Samples(context.Background(), to, dataset.Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"emodb/03a01Fa.wav", "emodb/03a01Wb.wav", "emodb/08a02N.wav", "emodb/08b10Lc.wav",
		"emodb/16a07Ab.wav", "emodb/16a07Ea.wav", "emodb/16a07Td.wav", "emopia/Q3_c_0.wav"}, sound.Names)
	assert.Equal(t, []string{"emodb_03", "emodb_03", "emodb_08", "emodb_08", "emodb_16", "emodb_16", "emodb_16", "c"}, sound.Groups)
	assert.Empty(t, sound.Skipped)
	_, y := sound.Row(0)
	v, a := dataset.ReadEmbedding(y)
	assert.InDelta(t, 0.5, v, 1e-6, "float32's rounding")
	assert.InDelta(t, 0.75, a, 1e-6)

	notes, err := dataset.MelodySource.Samples(context.Background(), to, dataset.Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"emopia/Q1__kJ-x_0.mid", "emopia/Q2_song_two_12.mid", "emopia/Q3_c_0.mid", "emopia/Q4_d_1.mid",
		"vgmidi/Mario_NES_Mario_Hop, skip_0.mid", "vgmidi/Mario_NES_Mario_Hop, skip_1.mid", "vgmidi/Zelda_N64_Zelda_Wood_0.mid"}, notes.Names)
	assert.Equal(t, []string{"_kJ-x", "song_two", "c", "d", "Mario_NES_Mario_Hop, skip", "Mario_NES_Mario_Hop, skip", "Zelda_N64_Zelda_Wood"}, notes.Groups)
	assert.Empty(t, notes.Skipped)
	_, y = notes.Row(2)
	assert.Equal(t, float32(1), y[48], "the file's only pitch")

	_, err = Import(context.Background(), "billboard", Options{From: filepath.Join(dir, "billboard"), To: to})
	require.NoError(t, err)
	chords, err := dataset.HarmonySource.Samples(context.Background(), to, dataset.Options{})
	require.NoError(t, err)
	assert.Equal(t, 2, chords.Len(), "15 chords of 0003; the others are too short")
	for _, skip := range chords.Skipped {
		assert.NotContains(t, skip.Name, "0003")
	}
}

func TestList(t *testing.T) {
	assert.Equal(t, []string{"deam", "pmemo", "emopia", "vgmidi", "maestro", "groove", "billboard", "emodb"}, Names())
	for i, info := range List() {
		assert.Equal(t, Names()[i], info.Name)
		for _, text := range []string{info.Title, info.Gives, info.Download, info.Licence} {
			assert.NotEmpty(t, text, info.Name)
		}
	}
	assert.Contains(t, List()[2].Title, "1,078 clips of 387", "the files of the publisher's midis")
	_, err := Import(context.Background(), "deem", Options{From: ".", To: "."})
	assert.EqualError(t, err, `collection: "deem" is not known; there are deam, pmemo, emopia, vgmidi, maestro, groove, billboard, emodb`)
}

// The error for a folder without the collection names what belongs there.
func TestNotThere(t *testing.T) {
	empty, to := t.TempDir(), filepath.Join(t.TempDir(), "data")
	for name, says := range map[string]string{
		"deam": "static_annotations_averaged_songs_*.csv", "pmemo": "static_annotations.csv", "emopia": "Q1_SONG_0", "vgmidi": "vgmidi_labelled.csv",
		"maestro": "maestro-v3.0.0.csv", "groove": "info.csv", "billboard": "salami_chords.txt", "emodb": "03a01Fa.wav",
	} {
		_, err := Import(context.Background(), name, Options{From: empty, To: to})
		require.ErrorContains(t, err, empty)
		assert.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, "collection: "+name)
	}
	for file, text := range map[string]string{"deam": "song_id,valence,arousal\n", "groove": "", "maestro": "{}", "vgmidi": "\xff\xfem\x00"} {
		dir := t.TempDir()
		index := map[string]string{"deam": "static_annotations_averaged_songs_1_2000.csv", "groove": "info.csv", "maestro": "maestro-v3.0.0.json", "vgmidi": "vgmidi_labelled.csv"}[file]
		require.NoError(t, os.WriteFile(filepath.Join(dir, index), []byte(text), 0o600))
		_, err := Import(context.Background(), file, Options{From: dir, To: to})
		assert.ErrorContains(t, err, index)
	}
	assert.NoDirExists(t, to, "nothing was written")
}
