// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// seeds are the files of testdata with one ending, and damaged ones.
func seeds(f *testing.F, paths ...string) {
	torchtest.Need(f)
	for _, path := range paths {
		text, err := os.ReadFile("testdata/" + path)
		require.NoError(f, err)
		f.Add(text)
		f.Add(text[:len(text)/2])
		f.Add(bytes.ReplaceAll(text, []byte("1"), []byte("9")))
	}
}

// Whatever a file holds, an array is read whole or not at all.
func FuzzNpy(f *testing.F) {
	seeds(f, "version1.npy", "version2.npy", "version3.npy")
	f.Fuzz(func(t *testing.T, text []byte) {
		if x, err := readNpy(bytes.NewReader(text), int64(len(text))); err == nil {
			require.LessOrEqual(t, x.Numel()*x.DType().Size(), len(text))
			x.Close()
		}
	})
}

// Whatever a table holds, its rows become samples or are reported.
func FuzzTables(f *testing.F) {
	seeds(f, "people.csv", "people.tsv", "people.jsonl")
	f.Add([]byte("name,age,score\na,1,2\n\"b\",,3\nc,x,4\n"))
	f.Add([]byte("{\"grid\":[[1,2]],\"age\":1}\n{\"grid\":[[3,4]],\"age\":\"2\"}\n{\"grid\":null}\n"))
	f.Add([]byte("{\"name\":\"a\",\"x\":1,\"score\":2}\n{\"name\":\"b\",\"score\":[3]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range []Columns{
			{Targets: []string{"score"}, Names: "name", Fill: map[string]string{"*": Mean}, SkipBad: true},
			{Inputs: []string{"1", "2"}, Targets: []string{"4"}, Classes: map[string][]string{"4": nil}, NoHeader: true, Fill: map[string]string{"1": "0"}},
			{Inputs: []string{"grid", "age"}, Classes: map[string][]string{"age": {"1", "2"}}, SkipBad: true},
		} {
			for _, read := range []func(*bytes.Reader) (*Content, error){
				func(r *bytes.Reader) (*Content, error) { return readCSV(r, "a.csv", c) },
				func(r *bytes.Reader) (*Content, error) { return readJSONLines(r, "a.jsonl", c) },
			} {
				content, err := read(bytes.NewReader(text))
				if err != nil {
					continue
				}
				n := content.Len()
				require.LessOrEqual(t, n+len(content.Skipped), 1+bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r")))
				require.True(t, content.Names == nil || len(content.Names) == n)
				require.False(t, slices.ContainsFunc(content.X.ToDType(0).Float32s(), func(x float32) bool { return x != x || x-x != 0 }))
				content.Close()
			}
		}
	})
}
