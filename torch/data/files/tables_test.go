// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files_test

import (
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/files"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// people is what numpy and Python's csv read from testdata/people.*.
type people struct {
	Age, Income, Rooms, Score []float32
	Mean                      float32
	Names, Houses             []string
	Complete                  []int
	Answers                   struct {
		Words []string
		Codes []int64
	}
	RoomsAsClasses struct {
		Words []string
		Codes []int64
	} `json:"rooms_as_classes"`
}

func golden(t *testing.T) (p people) {
	torchtest.Golden(t, "testdata/tables.json", &p)
	require.Len(t, p.Age, 40)
	return p
}

// rows joins columns to the rows of a tensor.
func rows(columns ...[]float32) (list []float32) {
	for i := range columns[0] {
		for _, c := range columns {
			list = append(list, c[i])
		}
	}
	return list
}

// The three formats hold one table, which is read as numpy reads it.
func TestTables(t *testing.T) {
	torchtest.NoLeaks(t)
	want := golden(t)
	mean := strconv.FormatFloat(float64(want.Mean), 'g', -1, 32)
	columns := files.Columns{
		Targets: []string{"answer"}, More: map[string][]string{"rooms": {"rooms", "answer"}}, Names: "name", Groups: "house",
		Classes: map[string][]string{"answer": nil, "rooms": nil}, Fill: map[string]string{"*": files.Mean, "income": "-1"},
	}
	byNumber := files.Columns{
		Inputs: []string{"1", "2", "6"}, Targets: []string{"4"}, More: map[string][]string{"rooms": {"3", "4"}}, Names: "0", Groups: "5",
		Classes: map[string][]string{"3": nil, "4": nil}, Fill: map[string]string{"*": files.Mean, "2": "-1"}, NoHeader: true,
	}
	lines := columns
	lines.Inputs = []string{"age", "income", "score"}
	for _, c := range []struct {
		path    string
		read    func(string, files.Columns) (*files.Content, error)
		columns files.Columns
		age     string
		unused  []string
	}{
		{"testdata/people.csv", files.ReadCSV, columns, "age", nil},
		{"testdata/people.tsv", files.ReadCSV, byNumber, "1", nil},
		{"testdata/people.jsonl", files.ReadJSONLines, lines, "age", []string{"grid"}},
	} {
		t.Run(filepath.Ext(c.path), func(t *testing.T) {
			got, err := c.read(c.path, c.columns)
			require.NoError(t, err)
			defer got.Close()
			assert.Equal(t, []int{40, 3}, got.X.Shape())
			assert.Equal(t, rows(want.Age, want.Income, want.Score), got.X.Float32s())
			assert.Equal(t, []int{40}, got.Y.Shape())
			assert.Equal(t, want.Answers.Codes, torch.ToSlice[int64](got.Y))
			assert.Equal(t, []int{40, 2}, got.More["rooms"].Shape())
			assert.Equal(t, want.RoomsAsClasses.Codes, torch.ToSlice[int64](got.More["rooms"].Select(1, 0)))
			assert.Equal(t, want.Answers.Codes, torch.ToSlice[int64](got.More["rooms"].Select(1, 1)))
			assert.Equal(t, want.Names, got.Names)
			assert.Equal(t, want.Houses, got.Groups)
			words := slices.Collect(maps.Values(got.Classes))
			assert.ElementsMatch(t, [][]string{want.Answers.Words, want.RoomsAsClasses.Words}, words)
			assert.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, want.RoomsAsClasses.Words, "numbers are sorted as numbers")
			assert.Len(t, got.Filled, 2)
			for _, filled := range got.Filled {
				if filled.Column == c.age {
					assert.Equal(t, files.Filled{Column: c.age, With: mean, Count: 3}, filled)
				} else {
					assert.Equal(t, "-1", filled.With)
					assert.Equal(t, 1, filled.Count)
				}
			}
			assert.Empty(t, got.Skipped)
			assert.Equal(t, c.unused, got.Unused)
		})
	}
}

// Rows without a value are left out and reported, and the others keep their places.
func TestSkipBad(t *testing.T) {
	torchtest.NoLeaks(t)
	want := golden(t)
	for _, c := range []struct {
		path string
		read func(string, files.Columns) (*files.Content, error)
		line int // of the first row that is left out, number 5
	}{{"testdata/people.csv", files.ReadCSV, 8}, {"testdata/people.jsonl", files.ReadJSONLines, 6}} {
		got, err := c.read(c.path, files.Columns{Inputs: []string{"score"}, Targets: []string{"age", "income"}, SkipBad: true})
		require.NoError(t, err)
		var score []float32
		for _, i := range want.Complete {
			score = append(score, want.Score[i])
		}
		assert.Equal(t, score, got.X.Float32s())
		require.Len(t, got.Skipped, 4)
		reason := `column "age": the value is missing`
		if c.line == 6 {
			reason = `field "age": the value is missing`
		}
		assert.Equal(t, data.Skip{Name: c.path + ": line " + string(rune('0'+c.line)), Reason: reason}, got.Skipped[0])
		got.Close()
	}
}

func TestJSONLists(t *testing.T) {
	torchtest.NoLeaks(t)
	want := golden(t)
	got, err := files.ReadJSONLines("testdata/people.jsonl", files.Columns{Inputs: []string{"grid"}, Targets: []string{"score"}})
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, []int{40, 3, 2}, got.X.Shape())
	for i, x := range want.Score {
		assert.Equal(t, []float32{x, 1, 1, want.Rooms[i], 0, -2.5}, got.X.Select(0, i).Float32s())
	}
	assert.Equal(t, []string{"name", "age", "income", "rooms", "answer", "house"}, got.Unused)
}

func TestGzip(t *testing.T) {
	torchtest.NoLeaks(t)
	var packed strings.Builder
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, "\ufeffx\ty\n1\t2\n")
	require.NoError(t, w.Close())
	got, err := files.ReadCSV(write(t, "a.tsv.gz", packed.String()), files.Columns{Targets: []string{"y"}})
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, []float32{1}, got.X.Float32s())
	assert.Equal(t, []float32{2}, got.Y.Float32s())
	_, err = files.ReadCSV(write(t, "b.tsv.gz", packed.String()[:30]), files.Columns{Targets: []string{"y"}})
	require.ErrorContains(t, err, "unexpected EOF")
}

// A file that unpacks to packed files, perhaps without an end, is unpacked once.
func TestGzipTwice(t *testing.T) {
	text := "x,y\n1,2\n"
	for range 2 {
		var packed strings.Builder
		w := gzip.NewWriter(&packed)
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		text = packed.String()
	}
	_, err := files.ReadCSV(write(t, "a.csv.gz", text), files.Columns{Targets: []string{"y"}})
	require.ErrorContains(t, err, "it is packed twice")
}

// A row that is left out says nothing about the shape of the others.
func TestSkipBadShape(t *testing.T) {
	torchtest.NoLeaks(t)
	path := write(t, "a.jsonl", `{"x": null, "y": 1, "z": 1}
{"x": [1, 2], "y": 1, "z": "?"}
{"x": [[1, 2, 3]], "y": 1, "z": 2}
{"x": [[4, 5, 6]], "y": 1, "z": 3}
`)
	got, err := files.ReadJSONLines(path, files.Columns{
		Targets: []string{"x"}, SkipBad: true, Fill: map[string]string{"x": "7"},
	})
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, []int{3, 1, 3}, got.Y.Shape())
	assert.Equal(t, []float32{7, 7, 7, 1, 2, 3, 4, 5, 6}, got.Y.Float32s())
	require.Len(t, got.Skipped, 1)
}

// write makes a file for a test.
func write(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// The classes of one file number those of another.
func TestGivenClasses(t *testing.T) {
	torchtest.NoLeaks(t)
	columns := files.Columns{Targets: []string{"y"}, Classes: map[string][]string{"y": nil}}
	first, err := files.ReadCSV(write(t, "a.csv", "x,y\n1,cat\n2,ant\n3,bee\n"), columns)
	require.NoError(t, err)
	defer first.Close()
	assert.Equal(t, []string{"ant", "bee", "cat"}, first.Classes["y"])
	assert.Equal(t, []int64{2, 0, 1}, torch.ToSlice[int64](first.Y))

	columns.Classes = first.Classes
	second, err := files.ReadCSV(write(t, "b.csv", "x,y\n1,cat\n2,bee\n"), columns)
	require.NoError(t, err)
	defer second.Close()
	assert.Equal(t, []int64{2, 1}, torch.ToSlice[int64](second.Y))
	other := write(t, "c.csv", "x,y\n1,cat\n2,dog\n")
	_, err = files.ReadCSV(other, columns)
	require.EqualError(t, err, `files: `+other+`: line 3: column "y": "dog" is not among the classes ["ant" "bee" "cat"]; correct it, or add the class to Classes, or set SkipBad`)

	// A class that is only in rows that were left out is none.
	columns.Classes, columns.SkipBad = map[string][]string{"y": nil}, true
	third, err := files.ReadCSV(write(t, "d.csv", "y,x\ncat,1\nant,?\nbee,3\n"), columns)
	require.NoError(t, err)
	defer third.Close()
	assert.Equal(t, []string{"bee", "cat"}, third.Classes["y"])
	assert.Equal(t, []int64{1, 0}, torch.ToSlice[int64](third.Y))
}

func TestMissingValues(t *testing.T) {
	torchtest.NoLeaks(t)
	path := write(t, "a.csv", "x,y,c\n-999,1,u\n4,NaN,\n6,3,v\n")
	got, err := files.ReadCSV(path, files.Columns{
		Targets: []string{"y"}, More: map[string][]string{"c": {"c"}}, Classes: map[string][]string{"c": nil},
		Missing: []string{"-999", "NaN", ""}, Fill: map[string]string{"x": files.Mean, "y": "0.5", "c": "none"},
	})
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, []float32{5, 4, 6}, got.X.Float32s())
	assert.Equal(t, []float32{1, 0.5, 3}, got.Y.Float32s())
	assert.Equal(t, []int64{1, 0, 2}, torch.ToSlice[int64](got.More["c"]))
	assert.Equal(t, []files.Filled{{Column: "y", With: "0.5", Count: 1}, {Column: "c", With: "none", Count: 1}, {Column: "x", With: "5", Count: 1}}, got.Filled)

	lists := write(t, "a.jsonl", "{\"x\": null, \"y\": 1}\n\n{\"x\": [1, 2], \"y\": 2}\n{\"y\": 3}\n{\"x\": [3, 8], \"y\": \"NA\"}\n")
	got, err = files.ReadJSONLines(lists, files.Columns{Targets: []string{"y", "z"}, Fill: map[string]string{"*": files.Mean, "z": "7"}})
	require.ErrorContains(t, err, `no field is called "z"; there are ["x" "y"]`)
	assert.Nil(t, got)
	got, err = files.ReadJSONLines(lists, files.Columns{Targets: []string{"y"}, Fill: map[string]string{"*": files.Mean}})
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, []float32{2, 5, 1, 2, 2, 5, 3, 8}, got.X.Float32s())
	assert.Equal(t, []float32{1, 2, 3, 2}, got.Y.Float32s())
	marked := write(t, "c.jsonl", "{\"x\": -999, \"y\": 1}\n{\"x\": 4, \"y\": 2}\n")
	got, err = files.ReadJSONLines(marked, files.Columns{Targets: []string{"y"}, Names: "y", Missing: []string{"-999"}, Classes: map[string][]string{"y": nil}, Fill: map[string]string{"x": "0"}})
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, []float32{0, 4}, got.X.Float32s())
	assert.Equal(t, []string{"1", "2"}, got.Names)
	none := write(t, "b.jsonl", "{\"x\": null, \"y\": 1}\n{\"y\": 2}\n")
	filled, err := files.ReadJSONLines(none, files.Columns{Targets: []string{"y"}, Fill: map[string]string{"x": "4"}})
	require.NoError(t, err)
	defer filled.Close()
	assert.Equal(t, []float32{4, 4}, filled.X.Float32s())
	_, err = files.ReadJSONLines(none, files.Columns{Targets: []string{"y"}, Fill: map[string]string{"x": files.Mean}})
	require.ErrorContains(t, err, `"x": no row has a value, so there is no mean`)
}

func TestTablesRefuse(t *testing.T) {
	torchtest.NoLeaks(t)
	y := files.Columns{Targets: []string{"y"}}
	classes := func(c map[string][]string) files.Columns { return files.Columns{Targets: []string{"y"}, Classes: c} }
	for _, c := range []struct {
		name, text string
		columns    files.Columns
		want       string
	}{
		{"a.csv", "", y, "a.csv: it is empty"},
		{"a.csv", "x,y\n", y, "a.csv: it has no rows"},
		{"a.csv", "\xff\xfex\x00", y, "it is UTF-16; save it as UTF-8"},
		{"a.csv", "x,y,x\n1,2,3\n", y, `line 1: columns 1 and 3 are both called "x"; rename one`},
		{"a.csv", "x,z\n1,2\n", y, `no column is called "y"; there are ["x" "z"]`},
		{"a.csv", "x,y\n1,2\n", files.Columns{More: map[string][]string{"z": nil}}, `More["z"] names no column`},
		{"a.csv", "y\n2\n", y, `no column is left for Inputs; there are ["y"]`},
		{"a.csv", "x,y\n1,2\n3\n", y, "line 3: 1 fields, not 2; put fields with a separator into quotes, or set SkipBad"},
		{"a.csv", "x,y\n1,2\n\"3\n4\",5\n", y, `line 3: column "x": "3\n4" is not a number; correct it, name the column in Classes, or add the text to Missing, or set SkipBad`},
		{"a.csv", "x,y\n1,inf\n", y, `line 2: column "y": "inf" is not finite`},
		{"a.csv", "x,y\n1,1e39\n", y, `"1e39" is too large for float32; scale the column`},
		{"a.csv", "x,y\n1,\n", y, `line 2: column "y": the value is missing; give the column a value in Fill, or set SkipBad`},
		{"a.csv", "x,y\n1,a\"b\n", y, `bare "`},
		{"a.csv", "x,y\n1,\"b\n", y, `extraneous or missing "`},
		{"a.csv", "x,y\n1,2\n", classes(map[string][]string{"z": nil}), `Classes has the column "z", which becomes part of nothing`},
		{"a.csv", "x,z,y\n1,u,2\n", classes(map[string][]string{"z": nil}), `Inputs cannot join "x", float32 [1 1], and "z", int64 [1 1]; give one of them a tensor of its own in More`},
		{"a.csv", "x,y\n1,\n", files.Columns{Targets: []string{"y"}, Fill: map[string]string{"y": "much"}}, `Fill has "much" for the column "y"; it must be a number, or files.Mean`},
		{"a.csv", "x,y\n1,\n", files.Columns{Targets: []string{"y"}, Fill: map[string]string{"z": "1"}}, `Fill has the column "z"`},
		{"a.csv", "x,y\n1,\n", files.Columns{Targets: []string{"y"}, Classes: map[string][]string{"y": nil}, Fill: map[string]string{"y": files.Mean}}, "classes have no mean"},
		{"a.csv", "x,y\n1,\n", files.Columns{Targets: []string{"y"}, Fill: map[string]string{"y": files.Mean}}, "there is no mean"},
		{"a.csv", "x,y\n?,2\n?,3\n", files.Columns{Targets: []string{"y"}, SkipBad: true}, "all of its 2 rows were left out; the first, "},
		{"a.csv", "x,y\n1,2\n", files.Columns{Names: "x", Inputs: []string{"x"}, Targets: []string{"y"}}, `the column "x" has names or groups; for a tensor of it too, name it in Classes`},
		{"a.jsonl", "", y, "it is empty"},
		{"a.jsonl", "[1]\n", y, "line 1: json: cannot unmarshal array"},
		{"a.jsonl", "null\n", y, "line 1: not one object"},
		{"a.jsonl", "{\"x\": 1, \"y\": 2}\n{\"x\": 1", y, "line 2: unexpected EOF; make it a JSON object on one line"},
		{"a.jsonl", "{\"x\": 1, \"y\": 2}\n{\"x\": 1, \"y\": 2} {}\n", y, "line 2: not one object"},
		{"a.jsonl", "{\"x\": 1, \"y\": \"2\"}\n", y, `line 1: field "y": "2" is neither a finite number nor a list`},
		{"a.jsonl", "{\"x\": [[1], [2, 3]], \"y\": 2}\n", y, `field "x": "[[1] [2 3]]" is neither a finite number nor a list of such numbers with one shape`},
		{"a.jsonl", "{\"x\": [], \"y\": 2}\n", y, `field "x": "[]" is neither`},
		{"a.jsonl", "{\"x\": 1e39, \"y\": 2}\n", y, `field "x": "1e39" is neither`},
		{"a.jsonl", "{\"x\": [1], \"y\": 2}\n{\"x\": [1, 2], \"y\": 2}\n", y, `line 2: field "x": the shape is [2], and in the lines before it is [1]; pad or cut the lists`},
		{"a.jsonl", "{\"x\": 1, \"y\": {}}\n", classes(map[string][]string{"y": nil}), "an object or a list is no class"},
		{"a.jsonl", "{\"x\": [[1]], \"z\": 3, \"y\": 2}\n", y, `Inputs cannot join "x", float32 [1 1 1], and "z", float32 [1 1]`},
	} {
		read := files.ReadCSV
		if c.name == "a.jsonl" {
			read = files.ReadJSONLines
		}
		_, err := read(write(t, c.name, c.text), c.columns)
		require.ErrorContains(t, err, c.want, "%q", c.text)
	}
	_, err := files.ReadCSV(write(t, "long.csv", "x,y\n1,"+strings.Repeat("z", 1e6)), y)
	require.ErrorContains(t, err, "is not a number")
	assert.Less(t, len(err.Error()), 1000)
	_, err = files.ReadCSV("nowhere.csv", y)
	require.EqualError(t, err, "files: nowhere.csv: no such file or directory")
}
