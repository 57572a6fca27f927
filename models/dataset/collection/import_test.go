// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch/wholefile"
)

// write writes files given by their paths below root.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(b)
}

// voices is a folder that emodb is read from.
func voices(t *testing.T) string {
	dir := t.TempDir()
	write(t, dir, map[string]string{"wav/03a01Fa.wav": "joy", "wav/03a01Wb.wav": "anger", "wav/08a02Na.wav": "nothing"})
	return dir
}

func importFrom(name, from, to string) (*Report, error) {
	return Import(context.Background(), name, Options{From: from, To: to})
}

func TestLinks(t *testing.T) {
	from, to := voices(t), t.TempDir()
	require.NoError(t, os.Rename(filepath.Join(from, "wav/08a02Na.wav"), filepath.Join(from, "elsewhere")))
	require.NoError(t, os.Symlink("../elsewhere", filepath.Join(from, "wav/08a02Na.wav")))
	r, err := importFrom("emodb", from, to)
	require.NoError(t, err)
	require.Len(t, r.Kinds, 1)
	assert.Equal(t, Count{Kind: "audio", Folder: filepath.Join(to, "training/audio"), Imported: 3, Linked: 3,
		LabelFile: filepath.Join(to, "training/audio/labels.csv"), Labels: dataset.Merged{Added: 3}}, r.Kinds[0])
	for imported, original := range map[string]string{"03a01Fa.wav": "wav/03a01Fa.wav", "08a02Na.wav": "elsewhere"} {
		a, err := os.Lstat(filepath.Join(to, "training/audio/emodb", imported))
		require.NoError(t, err)
		b, err := os.Stat(filepath.Join(from, original))
		require.NoError(t, err)
		assert.True(t, os.SameFile(a, b), "%s is the file itself, not a link to it by name", imported)
	}
}

// A file of another user is copied, so that DATA does not share its rights.
func TestFilesOfOthersAreCopied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	from, to := voices(t), t.TempDir()
	secret := filepath.Join(from, "wav/03a01Fa.wav")
	require.NoError(t, os.Chmod(secret, 0o600))
	require.NoError(t, os.Chown(secret, 1002, 1002))
	r, err := importFrom("emodb", from, to)
	require.NoError(t, err)
	assert.Equal(t, []int{2, 1}, []int{r.Kinds[0].Linked, r.Kinds[0].Copied})
	a, err := os.Stat(secret)
	require.NoError(t, err)
	b, err := os.Stat(filepath.Join(to, "training/audio/emodb/03a01Fa.wav"))
	require.NoError(t, err)
	assert.False(t, os.SameFile(a, b))
}

// What stands in DATA is not imported into it once more.
func TestDataInsideTheCollection(t *testing.T) {
	from := voices(t)
	for _, to := range []string{from, filepath.Join(from, "wav", "my data")} {
		for range 2 {
			r, err := importFrom("emodb", from, to)
			require.NoError(t, err)
			assert.Equal(t, 3, r.Imported())
			assert.Empty(t, r.LeftOut)
		}
		require.NoError(t, os.RemoveAll(filepath.Join(to, "training")))
	}
}

const table0 = "Group,filename,mood,Valence_mean,arousal mean\n"

// A label file that was there keeps its rows, columns and order, wherever the
// readers take it from.
func TestMergeCSV(t *testing.T) {
	from := voices(t)
	own := table0 + "g,\"my, own.wav\",sad,-0.5,0.25\n,emodb/03a01Wb.wav,,-0.50,7.5e-1\n,,,,\n"
	own = strings.Replace(own, ",emodb", "emodb_03,emodb", 1)
	want := "Group,filename,mood,Valence_mean,arousal mean,derived\ng,\"my, own.wav\",sad,-0.5,0.25,\nemodb_03,emodb/03a01Wb.wav,,-0.50,7.5e-1,\n,,,,,\n" +
		"emodb_03,emodb/03a01Fa.wav,,0.5,0.75,from the acted emotion: happiness\nemodb_08,emodb/08a02Na.wav,,0,0.5,from the acted emotion: neutral\n"
	for file, folder := range map[string]string{"training/audio/labels.csv": "training/audio", "training/labels.csv": "training/audio", "audio/labels.csv": "audio"} {
		to := t.TempDir()
		write(t, to, map[string]string{file: own, folder + "/my, own.wav": "mine"})
		r, err := importFrom("emodb", from, to)
		require.NoError(t, err)
		assert.Equal(t, dataset.Merged{Added: 2, Unchanged: 1}, r.Kinds[0].Labels)
		assert.Equal(t, filepath.Join(to, file), r.Kinds[0].LabelFile)
		assert.Equal(t, want, read(t, to, file))
		assert.ElementsMatch(t, []string{file, folder + "/my, own.wav", folder + "/emodb/03a01Fa.wav", folder + "/emodb/03a01Wb.wav", folder + "/emodb/08a02Na.wav"}, tree(t, to))
	}
	for text, says := range map[string]string{
		"name,valence,arousal\n":                      "does not name the columns filename, valence and arousal",
		"filename,valence,arousal\na \"b\".wav,0,0\n": "correct the row",
		"filename,valence,arousal\na, b.wav,0,0\n":    "put a name that holds a comma in quotes",
	} {
		to := t.TempDir()
		write(t, to, map[string]string{"training/audio/labels.csv": text})
		_, err := importFrom("emodb", from, to)
		assert.ErrorContains(t, err, filepath.Join(to, "training/audio/labels.csv"))
		assert.ErrorContains(t, err, says)
		assert.Equal(t, []string{"training/audio/labels.csv"}, tree(t, to), "nothing was written")
	}
}

func TestMergeJSON(t *testing.T) {
	from := t.TempDir()
	write(t, from, map[string]string{"Q1_a_0.mid": "1", "Q2_b_0.mid": "2"})
	own := "\xef\xbb\xbf{\n  \"own & mine.mid\": {\"arousal\": 0.5,\n    \"valence\": 0},\n  \"emopia/Q1_a_0.mid\": {\"group\": \"a\", \"valence\": 5e-1, \"arousal\": 0.75}\n}"
	to := t.TempDir()
	file := "training/midi/emotion_labels.json"
	write(t, to, map[string]string{file: own})
	r, err := importFrom("emopia", from, to)
	require.NoError(t, err)
	assert.Equal(t, dataset.Merged{Added: 1, Unchanged: 1}, r.Kinds[0].Labels)
	assert.Equal(t, `{
"own & mine.mid": {"arousal": 0.5,
    "valence": 0},
"emopia/Q1_a_0.mid": {"group": "a", "valence": 5e-1, "arousal": 0.75},
"emopia/Q2_b_0.mid": {"valence":-0.5,"arousal":0.75,"derived":"centre of quadrant Q2","group":"b"}
}
`, read(t, to, file))
	for text, says := range map[string]string{
		"[]": "not an object", "{\"a\": \n{]}": "line 2", "{\"a\": NaN}": "correct the JSON", "{} {}": "something follows", "{": "line 1",
	} {
		to := t.TempDir()
		write(t, to, map[string]string{file: text})
		_, err := importFrom("emopia", from, to)
		assert.ErrorContains(t, err, filepath.Join(to, file), text)
		assert.ErrorContains(t, err, says, text)
		assert.Equal(t, []string{file}, tree(t, to), "nothing was written")
	}
}

func TestMergeProgressions(t *testing.T) {
	from := t.TempDir()
	write(t, from, map[string]string{"7/salami_chords.txt": "# title: T\n# artist: A\n# metre: 4/4\n# tonic: C\n1\t| C | G |\n", "8/salami_chords.txt": "# tonic: D\n1\t| D |\n"})
	file := "training/chords/chord_progressions.json"
	seven := `{"id":"billboard/7","title":"T","artist":"A","key":"C","metre":"4/4","sections":[],"chords":["C","G"]}`
	eight := `{"id":"billboard/8","title":"","artist":"","key":"D","metre":"","sections":[],"chords":["D"]}`
	mine := `{"id": 12, "key": "E", "chords": ["E"]}`
	for old, want := range map[string]string{
		"":                                  "{\n\"progressions\": [\n" + seven + ",\n" + eight + "\n]\n}\n",
		"[" + mine + ", {\"name\": \"x\"}]": "[\n" + mine + ",\n{\"name\": \"x\"},\n" + seven + ",\n" + eight + "\n]\n",
		`{"by": "me", "progressions": [], "n": 0}`: "{\n\"by\": \"me\",\n\"progressions\": [\n" + seven + ",\n" + eight + "\n],\n\"n\": 0\n}\n",
		"[" + seven + "]":                          "[\n" + seven + ",\n" + eight + "\n]\n",
	} {
		to := t.TempDir()
		if old != "" {
			write(t, to, map[string]string{file: old})
		}
		r, err := importFrom("billboard", from, to)
		require.NoError(t, err, old)
		assert.Equal(t, 2, r.Imported())
		assert.Equal(t, want, read(t, to, file))
		var any any
		require.NoError(t, json.Unmarshal([]byte(want), &any))
	}
	other := strings.Replace(seven, `"G"`, `"F","F"`, 1)
	for text, says := range map[string]string{
		`{"songs": []}`: `no list "progressions"`, `{"progressions": {}}`: `no list "progressions"`, `{`: "line 1",
		"[" + other + "]": `billboard/7 has "T" by "A" in C, 3 chords there, and "T" by "A" in C, 2 chords in the collection: correct the file, or give --replace`,
	} {
		to := t.TempDir()
		write(t, to, map[string]string{file: text})
		_, err := importFrom("billboard", from, to)
		assert.ErrorContains(t, err, filepath.Join(to, file), text)
		assert.ErrorContains(t, err, says, text)
		assert.Equal(t, text, read(t, to, file))
	}
	to := t.TempDir()
	write(t, to, map[string]string{file: "[" + other + "]"})
	r, err := Import(context.Background(), "billboard", Options{From: from, To: to, Replace: true})
	require.NoError(t, err)
	assert.Equal(t, dataset.Merged{Added: 1, Replaced: 1}, r.Kinds[0].Labels)
	assert.Equal(t, "[\n"+seven+",\n"+eight+"\n]\n", read(t, to, file))
}

// Another label, or another file, of the same name is an error that names both,
// before anything is written; --replace takes the collection's.
func TestConflicts(t *testing.T) {
	from := voices(t)
	header := "filename,valence,arousal,group,derived\n"
	label := filepath.Join("training", "audio", "labels.csv")
	sound := filepath.Join("training", "audio", "emodb", "03a01Fa.wav")
	for name, c := range map[string]struct {
		there map[string]string
		says  string
	}{
		"label": {map[string]string{label: header + "emodb/03a01Fa.wav,0.25,0.75,emodb_03,\n"},
			`emodb/03a01Fa.wav has valence 0.25, arousal 0.75, group "emodb_03" there, and valence 0.5, arousal 0.75, group "emodb_03" in the collection: correct the file, or give --replace`},
		"groups": {map[string]string{label: header + "emodb/03a01Fa.wav,0.5,0.75,,\nemodb/03a01Wb.wav,x,0.75,,\n"}, "; 1 more differ"},
		"file":   {map[string]string{sound: "j0y"}, "is there with another content than wav/03a01Fa.wav in the collection"},
		"longer": {map[string]string{sound: "joy!"}, "another content"},
		"folder": {map[string]string{sound + "/x": ""}, "another content"},
	} {
		to := t.TempDir()
		write(t, to, c.there)
		before := tree(t, to)
		_, err := importFrom("emodb", from, to)
		require.ErrorContains(t, err, c.says, name)
		assert.Equal(t, before, tree(t, to), "%s: nothing was written", name)
		for file, text := range c.there {
			assert.Equal(t, text, read(t, to, file))
		}
		if name == "folder" {
			continue
		}
		_, err = Import(context.Background(), "emodb", Options{From: from, To: to, Replace: true})
		require.NoError(t, err, name)
		fresh := t.TempDir()
		_, err = importFrom("emodb", from, fresh)
		require.NoError(t, err)
		assert.Equal(t, read(t, fresh, label), read(t, to, label), name)
		assert.Equal(t, tree(t, fresh), tree(t, to), name)
		assert.Equal(t, "joy", read(t, to, sound))
		assert.Equal(t, "joy", read(t, from, "wav/03a01Fa.wav"))
	}
}

// What a killed import left unfinished is removed by the next one, and nothing else.
// With Replace a symbolic link in DATA is replaced, and what it leads to stays.
func TestImportSweeps(t *testing.T) {
	from, fresh, to := archive(t, voicesEntries...), t.TempDir(), t.TempDir()
	_, err := importFrom("emodb", from, fresh)
	require.NoError(t, err)
	sound := filepath.Join("training", "audio", "emodb", "03a01Fa.wav")
	for _, name := range tree(t, fresh) {
		if strings.HasSuffix(name, "03a01Fa.wav") {
			sound = name
		}
	}
	dir := filepath.Dir(sound)
	kept := map[string]string{filepath.Join(dir, ".mine.tmp-abc"): "1", filepath.Join(dir, ".mine.tmp"): "2"}
	write(t, to, kept)
	write(t, to, map[string]string{filepath.Join(dir, ".03a01Fa.wav.tmp-ABCDEFGHJ2"): "half"})
	victim := filepath.Join(t.TempDir(), "victim.wav")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(to, sound)))
	_, err = Import(context.Background(), "emodb", Options{From: from, To: to, Replace: true})
	require.NoError(t, err)
	want := append(tree(t, fresh), filepath.Join(dir, ".mine.tmp-abc"), filepath.Join(dir, ".mine.tmp"))
	assert.ElementsMatch(t, want, tree(t, to))
	assert.Equal(t, read(t, fresh, sound), read(t, to, sound))
	assert.Equal(t, "precious", read(t, victim))
}

// An interrupt after any file leaves no label file and nothing temporary, and a
// further import completes it.
func TestInterrupted(t *testing.T) {
	from := voices(t)
	for _, source := range []string{from, archive(t, voicesEntries...)} {
		for after := range 3 {
			to := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			_, err := Import(ctx, "emodb", Options{From: source, To: to, Progress: func(done, _ int, _ string) {
				if done == after+1 {
					cancel()
				}
			}})
			require.ErrorIs(t, err, context.Canceled)
			assert.Len(t, tree(t, to), after+1, "the files placed until then, whole")
			assert.NoFileExists(t, filepath.Join(to, "training/audio/labels.csv"))

			r, err := importFrom("emodb", source, to)
			require.NoError(t, err)
			assert.Equal(t, after+1, r.Kinds[0].Unchanged)
			assert.Equal(t, 3, r.Imported())
			assert.Len(t, tree(t, to), 4)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	to := t.TempDir()
	dst := filepath.Join(to, "x.wav")
	err := wholefile.Replace(dst, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		_, err := io.Copy(w, reading{ctx, strings.NewReader("the other half")})
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, tree(t, to), "an interrupt within a file leaves nothing of it")
}

// A label that names a file of the collection, however it is written, is the label
// of that file for the import as for the readers: it is not added again.
func TestLabelsAreRecognised(t *testing.T) {
	from := voices(t)
	row := func(name string) string { return "filename,valence,arousal,group\n" + name + ",0.5,0.75,emodb_03\n" }
	for _, text := range []string{
		row("emodb/03a01Fa.wav"), row("./emodb/03a01Fa.wav"), row("emodb//03a01Fa.wav"), row(`emodb\03a01Fa.wav`), row(`.\emodb\03a01Fa.wav`),
		row("audio/emodb/03a01Fa.wav"), row("training/audio/emodb/03a01Fa.wav"), row(" emodb/03a01Fa.wav "), row(` "emodb/03a01Fa.wav" `),
		"\xef\xbb\xbf" + row("emodb/03a01Fa.wav"), strings.ReplaceAll(row("emodb/03a01Fa.wav"), "\n", "\r"), strings.ReplaceAll(row("emodb/03a01Fa.wav"), "\n", "\r\n"),
		strings.NewReplacer(",", ";", ".5", ",5", ".75", ",75").Replace(row("emodb/03a01Fa.wav")), strings.ReplaceAll(row("emodb/03a01Fa.wav"), ",", "\t"),
		row("emodb/03a01Fa.wav") + "\n\n,,\n", "\xfe\xff\x00" + strings.Join(strings.Split(row("emodb/03a01Fa.wav"), ""), "\x00"),
	} {
		to := t.TempDir()
		file := filepath.Join("training", "audio", "labels.csv")
		write(t, to, map[string]string{file: text})
		r, err := importFrom("emodb", from, to)
		require.NoError(t, err, "%q", text)
		assert.Equal(t, dataset.Merged{Added: 2, Unchanged: 1}, r.Kinds[0].Labels, "%q", text)
		sound, err := dataset.Files{
			Network: "emotion", Folder: "audio", Extensions: []string{".wav"}, Labels: "labels.csv",
			Feature: dataset.Feature{Read: func(context.Context, string) (*dataset.Features, error) {
				return &dataset.Features{Parts: []dataset.Part{{Input: []float32{1}}}}, nil
			}},
		}.Samples(context.Background(), to, dataset.Options{})
		require.NoError(t, err, "%q", text)
		assert.Equal(t, []string{"emodb/03a01Fa.wav", "emodb/03a01Wb.wav", "emodb/08a02Na.wav"}, sound.Names, "%q", text)
		assert.Empty(t, sound.Notes, "no label stands there twice: %q", text)
		assert.Empty(t, sound.Skipped, "%q", text)
	}
	for text, says := range map[string]string{
		"filename,valence,arousal,Group,group\n": `two columns are called "Group"`,
		row("caf\xe9.wav"):                       `line 2: "caf\xe9.wav,0.5,`,
	} {
		to := t.TempDir()
		write(t, to, map[string]string{"training/audio/labels.csv": text})
		_, err := importFrom("emodb", from, to)
		require.ErrorContains(t, err, says)
		_, err = dataset.EmotionSource.Samples(context.Background(), to, dataset.Options{})
		assert.ErrorContains(t, err, says, "the readers say the same")
	}
	midi := t.TempDir()
	write(t, midi, map[string]string{"Q1_a_0.mid": "1", "Q2_b_0.mid": "2"})
	for _, name := range []string{"./emopia/Q1_a_0.mid", `emopia\\Q1_a_0.mid`, "midi/emopia/Q1_a_0.mid"} {
		to := t.TempDir()
		write(t, to, map[string]string{"training/midi/emotion_labels.json": `{"` + name + `": {"valence": 0.5, "arousal": 0.75, "group": "a"}}`})
		r, err := importFrom("emopia", midi, to)
		require.NoError(t, err, name)
		assert.Equal(t, dataset.Merged{Added: 1, Unchanged: 1}, r.Kinds[0].Labels, name)
	}
}
