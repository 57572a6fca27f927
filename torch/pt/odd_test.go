// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"archive/zip"
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

func readPlaceholders(b []byte) (any, error) {
	return (&loader{opts: LoadOptions{Placeholders: true}}).read(bytes.NewReader(b), int64(len(b)))
}

// What Python can have as a key, and a dict in itself, is read, listed and written.
func TestOddKeys(t *testing.T) {
	latin := global("_codecs", "encode") + text("k") + text("latin1") + "\x86R"
	for name, c := range map[string]struct {
		key    string
		want   any
		listed string
	}{
		"None": {"N", nil, "None"}, "tuple": {text("a") + "K\x01N\x87", torch.Tuple{"a", 1, nil}, "('a', 1, None)"}, "empty tuple": {")", torch.Tuple{}, "()"},
		"bytes": {latin, []byte("k"), "b'k'"}, "dtype": {global("torch", "int64"), torch.Int64, "torch.int64"}, "True": {"\x88", true, "true"},
		"frozenset": {"(K\x01\x91", FrozenSet{1}, "frozenset({1})"}, "size": {global("torch", "Size") + "K\x02\x85\x85R", Size{2}, "torch.Size([2])"},
		"surrogate": {"X\x03\x00\x00\x00\xed\xb3\xa9", "\xed\xb3\xa9", `\udce9`}, "device": {global("torch", "device") + text("cpu") + "\x85R", torch.CPU, "cpu"},
	} {
		file := archived(t, "}"+c.key+"K\x07s")
		v, err := readBytes(file)
		require.NoError(t, err, name)
		got, ok := v.(*torch.Dict).Get(c.want)
		assert.True(t, ok && got == 7, name)
		info, err := inspectReader(t.Context(), bytes.NewReader(file), int64(len(file)))
		require.NoError(t, err, name)
		assert.Equal(t, c.listed, info.Values[0].Name, name)

		var b bytes.Buffer
		require.NoError(t, Write(&b, v), name)
		again, err := readBytes(b.Bytes())
		require.NoError(t, err, name)
		assert.Equal(t, v, again, name)
	}
	for _, key := range []any{torch.Tuple{[]any{1}}, &Object{Class: "a.B"}} {
		assert.Error(t, Write(&bytes.Buffer{}, torch.NewDict(key, 1)))
	}

	itself := "}q\x00" + text("a") + "](h\x00es"
	v, err := readBytes(archived(t, itself))
	require.NoError(t, err)
	list, err := torch.Value[[]any](v.(*torch.Dict), "a")
	require.NoError(t, err)
	assert.Same(t, v, list[0])
	closeAll(v) // ends
	assert.ErrorContains(t, Write(&bytes.Buffer{}, v), "the dict contains itself")
	v, err = readBytes(archived(t, global("collections", "OrderedDict")+")Rq\x00}"+text("a")+"h\x00sb"))
	require.NoError(t, err)
	inner, _ := v.(*torch.Dict).Attributes.Get("a")
	assert.Same(t, v, inner)
	_, err = readPlaceholders(archived(t, "]q\x00h\x00a"))
	assert.ErrorContains(t, err, "a list contains itself")
}

// The weights of a file can be had whatever else is in it; a placeholder is no tensor.
func TestLoadTensors(t *testing.T) {
	torchtest.Need(t)
	tensor := tensorCall(storageID("FloatStorage", "0", 4), 0, tuple(integer(4)), tuple(integer(1)))
	file := archived(t, "}("+text("w")+tensor+text("cfg")+global("my", "Config")+")\x81}"+text("x")+"Nsb"+
		text("sparse")+global("torch._utils", "_rebuild_sparse_tensor")+"N\x85R"+text("type")+global("typing", "Any")+
		text("sub")+global("torch._tensor", "_rebuild_from_type_v2")+tuple(global("torch._utils", "_rebuild_tensor_v2"), global("my", "Tensor"), ")", "N")+"R"+
		text("dict")+global("my", "Dict")+")R("+text("a")+"K\x01u"+text("list")+global("my", "List")+")R(NNe"+text("lonely")+")K\x01\x86u")
	path := filepath.Join(t.TempDir(), "a.pt")
	require.NoError(t, os.WriteFile(path, file, 0o666))
	tensors, err := LoadTensors(path, LoadOptions{})
	require.NoError(t, err)
	require.Len(t, tensors, 1)
	assert.Equal(t, "w", tensors[0].Name)
	assert.Equal(t, []int{4}, tensors[0].Tensor.Shape())
	v, err := LoadWith(path, LoadOptions{Placeholders: true})
	require.NoError(t, err)
	for key, class := range map[string]string{
		"cfg": "my.Config", "sparse": "torch._utils._rebuild_sparse_tensor", "type": "typing.Any",
		"sub": "torch._tensor._rebuild_from_type_v2", "dict": "my.Dict", "list": "my.List",
	} {
		x, err := torch.Value[*Object](v.(*torch.Dict), key)
		require.NoError(t, err, key)
		assert.Equal(t, class, x.Class)
		_, err = torch.Value[*torch.Tensor](v.(*torch.Dict), key)
		assert.ErrorContains(t, err, "not *torch.Tensor")
	}
	_, err = Load(path)
	assert.ErrorContains(t, err, `"my.Config"`)
	assert.ErrorContains(t, Write(&bytes.Buffer{}, v), "cannot be stored")
}

// What lies under the name of a model is named.
func TestOtherContent(t *testing.T) {
	dir := t.TempDir()
	whole, err := os.ReadFile("testdata/checkpoint.pt")
	require.NoError(t, err)
	for content, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n": "it is a git-lfs pointer: the content was not fetched; run `git lfs pull`",
		"<!DOCTYPE html><html>": "it is an HTML page", " \n<HTML lang=en>": "it is an HTML page", "<?xml version='1.0'?><Error>": "it is an XML document",
		"\x1f\x8b\x08": "it is a gzip file; unpack it first", "Entry not found": "it is the error of a download", "\x93NUMPY": "it is a numpy array",
		strings.Repeat("\x00", 600):                     "it begins with zeros alone: the copy or the download of it did not finish",
		string(whole[:len(whole)/2]):                    "the list of its records, at the end, is missing: the copy or the download of it did not finish",
		"\x02\x00\x00\x00\x00\x00\x00\x00{}":            "it is a safetensors file",
		"L119547037146038801333356L\n.":                 "version: ",
		zipped(t, "m/code/__torch__.py", "m/data.pkl"):  "it is a TorchScript program (torch.jit.save), not data; in Python, torch.save(torch.jit.load(path).state_dict(), ",
		zipped(t, "m/archive_format", "m/data/weights"): "it is a program of torch.export",
		zipped(t, "word/document.xml"):                  "a zip file, but not of torch.save",
	} {
		path := filepath.Join(dir, "x.pt")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
		_, err := Load(path)
		assert.ErrorContains(t, err, "pt: cannot load "+path+": ", "%.20q", content)
		assert.ErrorContains(t, err, want, "%.20q", content)
	}
}

// zipped is a compressed archive of files with some content.
func zipped(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write([]byte("\x80\x02N."))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.String()
}

// Long texts and bytes are listed by their hash.
func TestLongTexts(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Write(&b, torch.NewDict("t", strings.Repeat("é", 1<<20), "b", make([]byte, 3<<20))))
	info, err := inspectReader(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	v, _ := info.Values.Get("t") // sha256 of Python's hashlib
	assert.Equal(t, "<a str of 2097152 bytes, sha256 0e7af86990c6010c72c99f1d4bf7e2b5fb520dde5d0157ec3aaf26ca6f0499ee>", v)
	v, _ = info.Values.Get("b")
	assert.Equal(t, "<bytes of 3145728 bytes, sha256 bbd05cf6097ac9b1f89ea29d2542c1b7b67ee46848393895f5a9e43fa1f621e5>", v)
}

// Hashing ends with its context.
func TestInspectEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Inspect(ctx, "testdata/checkpoint.pt")
	assert.ErrorIs(t, err, context.Canceled)
}

// Random changes of real files give a value or an error, and no panic; what is read
// is listed too.
func TestMutations(t *testing.T) {
	torchtest.Need(t)
	paths, err := filepath.Glob("testdata/*.pt")
	require.NoError(t, err)
	var files [][]byte
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		files = append(files, withoutChecksums(b))
	}
	r := rand.New(rand.NewPCG(3, 4))
	read := 0
	for range 3000 {
		b := mutate(r, files)
		v, err := readPlaceholders(b)
		_, inspectErr := inspectReader(t.Context(), bytes.NewReader(b), int64(len(b)))
		if err == nil {
			read++
			assert.NoError(t, inspectErr)
		}
		closeAll(v)
	}
	assert.Greater(t, read, 50)
}

// withoutChecksums lets changes get to what is read behind the checksums: 0 is what
// torch.save writes when it is told to leave them out.
func withoutChecksums(b []byte) []byte {
	b = bytes.Clone(b)
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte("PK\x01\x02"))
		if i < 0 || at+i+20 > len(b) {
			return b
		}
		at += i
		copy(b[at+16:at+20], "\x00\x00\x00\x00")
	}
}

func mutate(r *rand.Rand, files [][]byte) []byte {
	b := bytes.Clone(files[r.IntN(len(files))])
	opcodes := []byte("(.012BCFGIJKLMNQRSTUVXabcdeghijlopqrstu}])\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8f\x90\x91\x92\x93\x94\x95\x96")
	for range 1 + r.IntN(3) {
		if len(b) == 0 {
			return b
		}
		at := r.IntN(len(b))
		if r.IntN(2) == 0 {
			at = r.IntN(min(len(b), 2000))
		}
		n := r.IntN(min(64, len(b)-at) + 1)
		switch r.IntN(7) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[r.IntN(5)]
		case 2, 3:
			b[at] = opcodes[r.IntN(len(opcodes))]
		case 4:
			b = append(b[:at:at], b[at+n:]...)
		case 5:
			b = append(b[:at+n:at+n], b[at:]...)
		default:
			other := files[r.IntN(len(files))]
			copy(b[at:at+n], other[min(at, len(other)):])
		}
	}
	return b
}
