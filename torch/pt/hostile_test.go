// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// archived makes a file of a pickle's opcodes, after PROTO 2 and before STOP, and
// of one storage of 16 bytes, data/0.
func archived(tb testing.TB, opcodes string) []byte {
	var b bytes.Buffer
	a := newArchiveWriter(&b, "archive")
	require.NoError(tb, a.text("data.pkl", "\x80\x02"+opcodes+"."))
	require.NoError(tb, a.text("data/0", "0123456789abcdef"))
	require.NoError(tb, a.close())
	return b.Bytes()
}

func text(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func integer(i int64) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(i)))
}

func tuple(parts ...string) string { return "(" + strings.Join(parts, "") + "t" }

func global(module, name string) string { return "c" + module + "\n" + name + "\n" }

func storageID(class, key string, numel int64) string {
	return tuple(text("storage"), global("torch", class), text(key), text("cpu"), integer(numel)) + "Q"
}

func tensorCall(storage string, offset int64, sizes, strides string) string {
	return global("torch._utils", "_rebuild_tensor_v2") +
		tuple(storage, integer(offset), sizes, strides, "\x89", global("collections", "OrderedDict")+")R") + "R"
}

func readBytes(b []byte) (any, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func TestHostilePickles(t *testing.T) {
	torchtest.NoLeaks(t)
	floats := storageID("FloatStorage", "0", 4)
	_, err := readBytes(archived(t, tensorCall(floats, 0, tuple(integer(4)), tuple(integer(1)))))
	require.NoError(t, err, "what the cases below break is whole")

	const huge = 1 << 62
	bomb := "]q\x00"
	for range 40 { // each list holds the one before twice
		bomb = "]" + "(" + bomb + "h\x00e" + "q\x00"
	}
	for name, c := range map[string]struct{ opcodes, want string }{
		"os.system":         {global("os", "system") + text("true") + "\x85R", `the Python class or function "os.system", which is not read, and nothing of it was run`},
		"posix.system":      {global("posix", "system") + text("true") + "\x85R", `"posix.system"`},
		"eval":              {global("__builtin__", "eval") + text("1") + "\x85R", `"__builtin__.eval"`},
		"builtins.getattr":  {global("builtins", "getattr") + ")R", `"builtins.getattr"`},
		"unused":            {global("subprocess", "Popen") + "q\x00" + "N\x86", `"subprocess.Popen"`},
		"nested name":       {global("torch", "serialization.os.system") + ")R", `"torch.serialization.os.system"`},
		"module in name":    {global("torch._utils", "_rebuild_tensor_v2.__globals__"), `__globals__"`},
		"name with newline": {"ccollections\n", "a name without an end"},
		"long name":         {"c" + strings.Repeat("x", 5000) + "\n\n", "a name without an end"},
		"not UTF-8 name":    {"c\xff\n\n", "a name that is not UTF-8"},
		"torch.load":        {global("torch", "load") + ")R", `"torch.load"`},
		"torch.nn.Module":   {global("torch.nn.modules.linear", "Linear") + ")\x81", `"torch.nn.modules.linear.Linear"`},
		"other encode":      {global("_codecs", "encode") + text("x") + text("rot13") + "\x86R", "_codecs.encode: called otherwise"},
		"not latin1":        {global("_codecs", "encode") + text("日") + text("latin1") + "\x86R", "the text is not Latin-1"},
		"call a value":      {text("os.system") + ")R", "calls a str, which is not a function"},
		"call a tensor":     {tensorCall(floats, 0, ")", ")") + ")R", "calls a tensor"},
		"call without args": {global("collections", "OrderedDict") + "]R", "calls something with a list"},
		"OrderedDict args":  {global("collections", "OrderedDict") + "(NNt\x85R", "collections.OrderedDict: called with a tuple, not with a list of pairs"},
		"build a list":      {"]}b", "sets attributes of a list"},
		"build a tensor":    {tensorCall(floats, 0, ")", ")") + "}b", "sets attributes of a tensor"},
		"build from a list": {global("collections", "OrderedDict") + ")R]b", "sets the attributes of an OrderedDict to a list"},
		"new object":        {global("collections", "OrderedDict") + "]\x81", "calls something with a list"},
		"inst":              {"(ios\nsystem\n", `the Python class or function "os.system", which is not read`},
		"extension":         {"\x82\x01", "opcode 0x82 is not read: it is EXT1, an extension code"},
		"stack global":      {text("os") + text("system") + "\x93", `"os.system", which is not read`},
		"text pid":          {"P0\n", "opcode 0x50 is not read: it is PERSID"},
		"no opcode":         {"\xff", "0xff is no opcode"},
		"protocol 6":        {"\x80\x06N", "protocol 6; 0 to 5"},
		"nothing":           {"", "ends with 0 values"},
		"two values":        {"NN", "ends with 2 values and 0 marks"},
		"open mark":         {"(N", "1 marks"},
		"stack underflow":   {"\x86", "takes a value that is not there"},
		"under the mark":    {"N(\x85", "takes a value that is not there"},
		"no mark":           {"Nt", "takes a value that is not there"},
		"no memo":           {"h\x07", "refers to value 7, which was not stored"},
		"long text":         {"X\xff\xff\xff\xff", "ends in the middle"},
		"bad text":          {"X\x01\x00\x00\x00\xff", "not valid UTF-8"},
		"long int":          {"\x8b\xff\xff\xff\x7f", "an int of 2147483647 bytes"},
		"append to dict":    {"}Na", "appends to a dict"},
		"items of list":     {"]NNs", "sets items of a list"},
		"odd items":         {"}(Nu", "sets a key without a value"},
		"key is a list":     {"}]Ns", "a dict has a list as a key"},
		"key is NaN":        {"}G\x7f\xf8\x00\x00\x00\x00\x00\x00Ns", "a dict has the key NaN"},
		"list in itself":    {"]q\x00h\x00a", "[0]: a list contains itself"},
		"pairs of three":    {global("collections", "OrderedDict") + "](NNNta\x85R", "item 0 is a tuple, not a pair"},
		"deep":              {strings.Repeat("]", 1000) + strings.Repeat("a", 999), "nested deeper than 500"},
		"nested lists":      {bomb, "nested so that there are more than"},
		"a bare class":      {global("torch", "FloatStorage"), "a storage class stands where a value should"},
		"a bare function":   {"]" + global("torch", "Size") + "a", "[0]: the function torch.Size stands where"},
		"a bare storage":    {floats, "a storage stands where a value should"},
		"pid is a text":     {text("0") + "Q", "a persistent id that is not of a storage"},
		"pid of a module":   {tuple(text("module"), "N", "N", "N", "N") + "Q", "a persistent id that is not of a storage"},
		"pid class":         {tuple(text("storage"), text("FloatStorage"), text("0"), text("cpu"), integer(4)) + "Q", "a storage's id has a str"},
		"no record":         {storageID("FloatStorage", "1", 4), `storage "1" has no record data/1`},
		"path as key":       {storageID("FloatStorage", "../data.pkl", 4), `storage "../data.pkl" has no record`},
		"too many elements": {storageID("FloatStorage", "0", 5), `storage "0" is said to have 5 elements of 4 bytes, but its record has 16 bytes`},
		"overflow elements": {storageID("DoubleStorage", "0", huge), "but its record has 16 bytes"},
		"negative elements": {storageID("FloatStorage", "0", -1), "is said to have -1 elements"},
		"two types":         {"]" + tensorCall(floats, 0, ")", ")") + "a" + tensorCall(storageID("IntStorage", "0", 4), 0, ")", ")") + "a", "used with two types or sizes"},
		"beyond storage":    {tensorCall(floats, 1, tuple(integer(4)), tuple(integer(1))), "a view with offset 1, sizes [4] and strides [1] reaches element 4 of storage \"0\", which has 4"},
		"beyond by stride":  {tensorCall(floats, 0, tuple(integer(2)), tuple(integer(4))), "reaches element 4"},
		"offset only":       {tensorCall(floats, 4, ")", ")"), "reaches element 4"},
		"offset of empty":   {tensorCall(floats, 5, tuple(integer(0)), tuple(integer(1))), "a view with offset 5"},
		"negative offset":   {tensorCall(floats, -1, ")", ")"), "the offset is -1"},
		"negative size":     {tensorCall(floats, 0, tuple(integer(-1)), tuple(integer(1))), "the sizes: dimension 0 has -1"},
		"negative stride":   {tensorCall(floats, 3, tuple(integer(2)), tuple(integer(-1))), "the strides: dimension 0 has -1"},
		"size overflow":     {tensorCall(floats, 0, tuple(integer(huge), integer(8)), tuple(integer(0), integer(0))), "are too large"},
		"stride overflow":   {tensorCall(floats, 0, tuple(integer(3)), tuple(integer(huge))), "are too large"},
		"offset overflow":   {tensorCall(floats, huge, tuple(integer(2)), tuple(integer(huge))), "are too large"},
		"expanded hugely":   {tensorCall(floats, 0, tuple(integer(huge)), tuple(integer(0))), "are too large"},
		"sizes and strides": {tensorCall(floats, 0, tuple(integer(2)), ")"), "1 sizes, but 0 strides"},
		"sizes as a list":   {tensorCall(floats, 0, "]", ")"), "the sizes: a list, not a tuple"},
		"65 dimensions":     {tensorCall(floats, 0, tuple(strings.Repeat("K\x01", 65)), tuple(strings.Repeat("K\x01", 65))), "65 dimensions"},
		"storage as a text": {tensorCall(text("0"), 0, ")", ")"), "the storage is a str"},
		"two arguments":     {global("torch._utils", "_rebuild_tensor_v2") + "NN\x86R", "2 arguments"},
		"parameter of text": {global("torch._utils", "_rebuild_parameter") + text("x") + "\x88N\x87R", "called with a str"},
		"untyped in v2": {tensorCall(tuple(text("storage"), global("torch.storage", "UntypedStorage"), text("0"), text("cpu"), integer(4))+"Q", 0, ")", ")"),
			"the storage's class does not fit"},
		"unknown device": {global("torch", "device") + text("tpux") + "\x85R", `torch.device: torch: device "tpux" is not known`},
		"other layout":   {global("torch.serialization", "_get_layout") + text("torch.sparse_coo") + "\x85R", "only torch.strided is read"},
		"grad of ints": {global("torch._utils", "_rebuild_parameter") + tensorCall(storageID("LongStorage", "0", 2), 0, ")", ")") + "\x88N\x87R",
			"only Tensors of floating point"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := readBytes(archived(t, c.opcodes))
			require.Error(t, err)
			assert.Contains(t, strings.ToLower(err.Error()), strings.ToLower(c.want))
			assert.True(t, strings.HasPrefix(err.Error(), "pt: cannot read: "), err)
			assert.Nil(t, v)
		})
	}
}

func TestOtherFiles(t *testing.T) {
	for name, want := range map[string]string{
		"tar":   "it is a tar file, as torch.save made before PyTorch 0.2; in Python, torch.save(torch.load(path, weights_only=False), path) converts one that you trust",
		"class": `the Python class or function "torch.nn.modules.container.Sequential", which is not read`,
	} {
		path := filepath.Join("testdata", name+".pt")
		_, err := Load(path)
		if assert.Error(t, err) {
			assert.Contains(t, err.Error(), "pt: cannot load "+path+": ")
			assert.Contains(t, err.Error(), want)
		}
	}
	dir := t.TempDir()
	for content, want := range map[string]string{
		"":                      "it is empty",
		"{\"a\": 1}":            `it is not a .pt file of torch.save: it begins with "{\"a\": 1}"`,
		"PK":                    "it is not a .pt file",
		"PK\x03\x04 and no end": "damaged or cut short",
	} {
		path := filepath.Join(dir, "x.pt")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
		_, err := Load(path)
		if assert.Error(t, err) {
			assert.Contains(t, err.Error(), "pt: cannot load "+path+": "+want)
		}
	}
	_, err := Load(dir)
	assert.EqualError(t, err, "pt: cannot load "+dir+": it is not a regular file")
	_, err = Load(filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.EqualError(t, err, "pt: cannot load "+filepath.Join(dir, "none")+": no such file or directory")

	path := filepath.Join(dir, "list.pt")
	require.NoError(t, Save(path, []any{1}))
	_, err = LoadDict(path)
	assert.EqualError(t, err, "pt: "+path+" holds a list, not a dict")
}

func TestBrokenArchives(t *testing.T) {
	torchtest.NoLeaks(t)
	var b bytes.Buffer
	require.NoError(t, Write(&b, torch.NewDict("w", torch.Arange(0, 1000, 1))))
	whole := b.Bytes()

	for n := 1; n < len(whole); n += 97 { // cut short anywhere
		_, err := readBytes(whole[:n])
		require.Error(t, err)
	}
	flip := bytes.Clone(whole)
	flip[bytes.Index(whole, []byte("archive/data/0"))+200] ^= 1
	_, err := readBytes(flip)
	if assert.Error(t, err) {
		assert.Contains(t, err.Error(), `w: record "archive/data/0" is damaged: its checksum is`)
	}

	type entry struct {
		zip.FileHeader
		content string
	}
	data := entry{zip.FileHeader{Name: "m/data.pkl"}, "\x80\x02N."}
	for name, c := range map[string]struct {
		entries []entry
		want    string
	}{
		"no data.pkl": {[]entry{{zip.FileHeader{Name: "word/document.xml"}, "<"}}, "not of torch.save: it has no FOLDER/data.pkl"},
		"too deep":    {[]entry{{zip.FileHeader{Name: "a/b/data.pkl"}, "\x80\x02N."}}, "it has no FOLDER/data.pkl"},
		"two folders": {[]entry{data, {zip.FileHeader{Name: "n/data.pkl"}, "\x80\x02N."}}, `two folders, "m" and "n", hold a data.pkl`},
		"compressed":  {[]entry{{zip.FileHeader{Name: "m/data.pkl", Method: zip.Deflate}, "\x80\x02N."}}, "is compressed, which torch.save never does"},
		"twice":       {[]entry{data, {zip.FileHeader{Name: "m/x"}, "1"}, {zip.FileHeader{Name: "m/x"}, "2"}}, `record "m/x" is there twice`},
		"byte order":  {[]entry{data, {zip.FileHeader{Name: "m/byteorder"}, "pdp"}}, `its byte order is "pdp"; little and big are read`},
		"version":     {[]entry{data, {zip.FileHeader{Name: "m/version"}, "11\n"}}, `its format has the version "11\n"; 1 to 10 are read`},
		"TorchScript": {[]entry{data, {zip.FileHeader{Name: "m/constants.pkl"}, "x"}}, "it is a TorchScript program"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			for _, e := range c.entries {
				e.CRC32 = crc32.ChecksumIEEE([]byte(e.content))
				e.UncompressedSize64 = uint64(len(e.content))
				e.CompressedSize64 = e.UncompressedSize64
				w, err := z.CreateRaw(&e.FileHeader)
				require.NoError(t, err)
				_, err = w.Write([]byte(e.content))
				require.NoError(t, err)
			}
			require.NoError(t, z.Close())
			_, err := readBytes(b.Bytes())
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
		})
	}
}

// The directory says where records are and how long; it can lie.
func TestLyingDirectory(t *testing.T) {
	torchtest.NoLeaks(t)
	var b bytes.Buffer
	require.NoError(t, Write(&b, torch.NewDict("w", torch.Arange(0, 1000, 1), "v", torch.Arange(0, 1000, 1))))
	patch := func(entry string, at int, value uint32) []byte {
		c := bytes.Clone(b.Bytes())
		start := bytes.LastIndex(c, []byte(entry)) - 46
		binary.LittleEndian.PutUint32(c[start+at:], value)
		return c
	}
	offset := func(entry string) uint32 {
		start := bytes.LastIndex(b.Bytes(), []byte(entry)) - 46
		return binary.LittleEndian.Uint32(b.Bytes()[start+42:])
	}
	sizes := func(c []byte, entry string, n uint32) []byte {
		start := bytes.LastIndex(c, []byte(entry)) - 46
		binary.LittleEndian.PutUint32(c[start+20:], n)
		binary.LittleEndian.PutUint32(c[start+24:], n)
		return c
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"two records are one":    {patch("archive/data/1", 42, offset("archive/data/0")), `records "archive/data/0" and "archive/data/1" overlap`},
		"offset of no record":    {patch("archive/data/1", 42, offset("archive/data/1")+1), "has a damaged header"},
		"offset beyond the file": {patch("archive/data/1", 42, 1<<30), "damaged"},
		"sizes differ":           {patch("archive/data/1", 24, 1<<20), "is said to have 1048576 bytes, in a file of"},
		"stored but growing":     {patch("archive/data/1", 24, 4001), "is stored, yet 4000 bytes become 4001"},
		"over the next":          {sizes(bytes.Clone(b.Bytes()), "archive/data/0", 6000), `records "archive/data/0" and "archive/data/1" overlap`},
		"beyond the end":         {sizes(bytes.Clone(b.Bytes()), "archive/.data/serialization_id", 6000), "are beyond the end of the file"},
		"shorter":                {sizes(bytes.Clone(b.Bytes()), "archive/data/0", 3999), "said to have 1000 elements of 4 bytes, but its record has 3999 bytes"},
		"encrypted":              {patch("archive/data/1", 8, 0x0809), "is encrypted"},
	} {
		_, err := readBytes(c.file)
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), c.want, name)
		}
	}
}
