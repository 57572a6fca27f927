// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dangerous are functions and classes that pickles of attacks call, or that look
// like those that are known.
var dangerous = strings.Fields(`
	os.system posix.system nt.system os.popen os.execv os.spawnl os.remove os.kill os.putenv
	subprocess.Popen subprocess.run subprocess.check_output subprocess.call pty.spawn commands.getoutput
	builtins.eval builtins.exec builtins.compile builtins.open builtins.getattr builtins.setattr builtins.__import__
	builtins.globals builtins.map builtins.type builtins.object builtins.input builtins.breakpoint
	__builtin__.eval __builtin__.execfile __builtin__.apply __builtin__.file
	importlib.import_module runpy.run_path code.interact pdb.run timeit.timeit cProfile.run webbrowser.open
	socket.socket urllib.request.urlopen requests.get http.client.HTTPSConnection ftplib.FTP smtplib.SMTP
	pickle.loads _pickle.loads dill.loads cloudpickle.loads marshal.loads joblib.load numpy.load
	types.CodeType types.FunctionType copyreg._reconstructor copy_reg._reconstructor copyreg.__newobj__
	operator.attrgetter operator.methodcaller functools.partial functools.reduce itertools.starmap
	torch.load torch.hub.load torch.jit.load torch.ops.load_library torch.utils.cpp_extension.load_inline
	torch.serialization.load torch._utils._import_dotted_name torch._inductor.codecache.CacheBase torch.storage._load_from_bytes
	torch.nn.modules.linear.Linear torch.distributed.rpc.rpc_sync torch.fx.graph_module.reduce_graph_module
	ctypes.CDLL ctypes.cdll.LoadLibrary multiprocessing.Process threading.Thread asyncio.create_subprocess_shell
	shutil.rmtree pathlib.Path tempfile.mkdtemp zipfile.ZipFile logging.config.fileConfig
	numpy.f2py.compile numpy.testing._private.utils.runstring numpy.core.multiarray.fromfile numpy.DataSource
	collections.OrderedDict.__reduce__ collections.namedtuple collections.UserDict _codecs.lookup _codecs.register codecs.open
	torch._utils._rebuild_tensor_v2.__globals__ torch._utils.__builtins__ numpy.dtype.__class__ builtins.set.__subclasses__
`)

// The ways in which a pickle uses a class: whichever it is, the name is refused.
func uses(module, name string) map[string]string {
	call := text("touch /tmp/owned") + "\x85"
	short := func(s string) string { return "\x8c" + string(byte(len(s))) + s }
	return map[string]string{
		"called":        global(module, name) + call + "R",
		"not called":    global(module, name) + "0N",
		"from texts":    short(module) + "\x94" + short(name) + "\x94\x93\x94" + call + "R",
		"by the memo":   text(module) + "q\x05" + text(name) + "q\x06" + "(h\x05h\x06\x93" + call + "R",
		"new object":    global(module, name) + call + "\x81",
		"named args":    global(module, name) + call + "}\x92",
		"built":         global(module, name) + ")R}" + text("__setstate__") + "Nsb",
		"in a list":     "]" + global(module, name) + call + "Ra",
		"as a key":      "}" + global(module, name) + "Ns",
		"in a set":      "\x8f(" + global(module, name) + "\x90",
		"as an arg":     global("collections", "OrderedDict") + global(module, name) + "\x85R",
		"as a default":  global("collections", "defaultdict") + global(module, name) + "\x85R",
		"as a type":     global("torch._tensor", "_rebuild_from_type_v2") + tuple(global("torch._utils", "_rebuild_tensor_v2"), global(module, name), ")", "}") + "R",
		"as a function": global("torch._tensor", "_rebuild_from_type_v2") + tuple(global(module, name), global("torch", "Tensor"), ")", "}") + "R",
		"as an array":   global("numpy.core.multiarray", "_reconstruct") + tuple(global(module, name), "K\x00\x85", text("b")) + "R",
		"as a storage":  tuple(text("storage"), global(module, name), text("0"), text("cpu"), "K\x04") + "Q",
		"as a module":   tuple(text("module"), global(module, name), text("a.py"), text("class A: pass")) + "Q",
	}
}

// legacyFile makes a file of the legacy format of a pickle's opcodes and whatever
// follows it.
func legacyFile(opcodes, rest string) []byte {
	return []byte("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + "\x80\x02M\xe9\x03." + "\x80\x02}." + "\x80\x02" + opcodes + "." + rest)
}

func TestMaliciousPickles(t *testing.T) {
	require.Greater(t, len(dangerous), 80)
	for _, full := range dangerous {
		i := strings.LastIndexByte(full, '.')
		module, name := full[:i], full[i+1:]
		for how, opcodes := range uses(module, name) {
			for format, file := range map[string][]byte{"zip": archived(t, opcodes), "legacy": legacyFile(opcodes, "")} {
				v, err := readBytes(file)
				if assert.Error(t, err, "%s, %s, %s", full, how, format) {
					assert.Nil(t, v)
					assert.Contains(t, err.Error(), `"`+full+`"`, "%s, %s", how, format)
					assert.Contains(t, err.Error(), "was run", "%s, %s", how, format)
				}
			}
		}
	}
}

// With placeholders such a class is a name: it is listed or lost, and the rest of the
// file is read or refused for what else is wrong with it.
func TestMaliciousPickleIsAName(t *testing.T) {
	for _, full := range []string{"os.system", "builtins.eval", "torch.storage._load_from_bytes", "copyreg._reconstructor"} {
		i := strings.LastIndexByte(full, '.')
		for how, opcodes := range uses(full[:i], full[i+1:]) {
			file := archived(t, opcodes)
			v, err := (&loader{opts: LoadOptions{Placeholders: true}}).read(bytes.NewReader(file), int64(len(file)))
			info, inspectErr := inspectReader(t.Context(), bytes.NewReader(file), int64(len(file)))
			assert.Equal(t, err == nil, inspectErr == nil, "%s: %v, %v", how, err, inspectErr)
			switch how {
			case "called", "from texts", "new object", "named args", "built":
				require.NoError(t, err, how)
				assert.Equal(t, &Object{Class: full}, v, how)
				assert.Equal(t, "<"+full+">", info.Values[0].Value, how)
			case "in a list":
				require.NoError(t, err, how)
				assert.Equal(t, []any{&Object{Class: full}}, v)
			case "as a key":
				require.NoError(t, err, how)
				assert.Equal(t, "<"+full+">", info.Values[0].Name)
			}
		}
	}
}

func TestHostileLegacy(t *testing.T) {
	id := func(key string, numel int64, view string) string {
		return tuple(text("storage"), global("torch", "FloatStorage"), text(key), text("cpu"), integer(numel), view) + "Q"
	}
	view := func(from, numel int64) string { return tuple(text("v"), integer(from), integer(numel)) }
	tensor := func(storage string) string { return tensorCall(storage, 0, ")", ")") }
	keys := func(ks ...string) string {
		s := "\x80\x02]("
		for _, k := range ks {
			s += text(k)
		}
		return s + "e."
	}
	elements := func(numel uint64, bytes int) string {
		return string(binary.LittleEndian.AppendUint64(nil, numel)) + strings.Repeat("x", bytes)
	}
	good := tensor(id("7", 2, "N"))
	_, err := readBytes(legacyFile("N", keys()))
	require.NoError(t, err, "what the cases below break is whole")

	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"another pickle":      {[]byte("\x80\x02N."), "it is a pickle, but not of torch.save"},
		"another number":      {[]byte("\x80\x04\x8a\x01\x05."), "it is a pickle, but not of torch.save"},
		"only the number":     {legacyFile("N", "")[:15], "version: pickle, byte 0"},
		"another version":     {bytes.Replace(legacyFile("N", keys()), []byte("M\xe9\x03"), []byte("M\xea\x03"), 1), "its format has the version 1002"},
		"a class in front":    {bytes.Replace(legacyFile("N", keys()), []byte("\x80\x02}."), []byte("\x80\x02cos\nsystem\n."), 1), `"os.system"`},
		"information":         {bytes.Replace(legacyFile("N", keys()), []byte("\x80\x02}."), []byte("\x80\x02N."), 1), "system information: None, not a dict"},
		"no list":             {legacyFile(good, ""), "list of storages: pickle, byte 0"},
		"list is a number":    {legacyFile(good, "\x80\x02N."), "list of storages: None"},
		"key is a number":     {legacyFile(good, "\x80\x02]Na."), "list of storages: holds None"},
		"not listed":          {legacyFile(good, keys()), "list of storages: has 0 of the 1 that are used"},
		"used nowhere":        {legacyFile(good, keys("8")+elements(2, 8)), `"8" is listed twice, or used nowhere`},
		"twice":               {legacyFile(good, keys("7", "7")+elements(2, 8)+elements(2, 8)), `"7" is listed twice`},
		"no elements":         {legacyFile(good, keys("7")), `storage "7": the file ends before it`},
		"few elements":        {legacyFile(good, keys("7")+elements(2, 7)), `storage "7" has 8 bytes, but the file ends after 7 of them`},
		"another count":       {legacyFile(good, keys("7")+elements(3, 12)), `storage "7" is said to have 2 elements, and 3 where they are`},
		"negative count":      {legacyFile(good, keys("7")+elements(1<<63, 12)), "elements, and -9223372036854775808 where"},
		"huge":                {legacyFile(tensor(id("7", 1<<60, "N")), keys("7")), "is said to have 1152921504606846976 elements of 4 bytes, in a file of"},
		"negative":            {legacyFile(tensor(id("7", -1, "N")), keys("7")), "is said to have -1 elements"},
		"five fields":         {legacyFile(tensor(storageID("FloatStorage", "7", 2)), keys("7")), "a storage's id of 5 fields, not of 6"},
		"view is a number":    {legacyFile(tensor(id("7", 2, "K\x01")), keys("7")), "a storage's view is an int"},
		"view beyond":         {legacyFile(tensor(id("7", 2, view(1, 2))), keys("7")), `a view of storage "7", which has 2 elements, is not inside it`},
		"view before":         {legacyFile(tensor(id("7", 2, view(-1, 2))), keys("7")), "is not inside it"},
		"view overflows":      {legacyFile(tensor(id("7", 2, view(1<<62, 1<<62))), keys("7")), "is not inside it"},
		"tensor beyond view":  {legacyFile(tensorCall(id("7", 2, view(1, 1)), 0, tuple("K\x02"), tuple("K\x01")), keys("7")), "reaches element 1 of storage"},
		"frame beyond":        {[]byte("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f"), "it is a pickle, but not of torch.save"},
		"long text, cut":      {legacyFile("X\xff\xff\xff\x7f", keys()), "is longer than what is read of a pickle"},
		"a zip's persistent":  {legacyFile(tuple(text("storage"))+"Q", keys()), "a storage's id of 1 fields"},
		"in itself":           {legacyFile("]q\x00h\x00a", keys()), "[0]: a list contains itself"},
		"endless empty lists": {legacyFile(strings.Repeat("]", 3)+strings.Repeat("a", 3), keys()), "takes a value that is not there"},
	} {
		v, err := readBytes(c.file)
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), c.want, name)
			assert.Nil(t, v)
		}
	}
}

func TestHostileValues(t *testing.T) {
	f4 := global("numpy", "dtype") + tuple(text("f4"), "\x89", "\x88") + "R"
	latin := func(s string) string { return global("_codecs", "encode") + text(s) + text("latin1") + "\x86R" }
	array := func(shape, dtype, data string) string {
		return global("numpy.core.multiarray", "_reconstruct") + tuple(global("numpy", "ndarray"), "K\x00\x85", latin("b")) + "R" +
			tuple("K\x01", shape, dtype, "\x89", data) + "b"
	}
	one := array("K\x01\x85", f4, latin("abcd"))
	build := tuple("K\x01", "K\x01\x85", f4, "\x89", latin("abcd")) + "b"
	repeated := global("_codecs", "encode") + "q\x00" + text(strings.Repeat("x", 1<<20)) + "q\x01" + text("latin1") + "q\x02" + "\x87" +
		strings.Repeat("(h\x00h\x01h\x02\x86Rtq\x03\x86", 200)
	for name, c := range map[string]struct{ opcodes, want string }{
		"the same bytes, often": {repeated, "the calls in it make many times more than the file holds"},
		"array twice":           {one + build, "a numpy array is set twice"},
		"array of few bytes":    {array("K\x02\x85", f4, latin("abcd")), "a numpy array of the shape [2] and the type f4 has 4 bytes, not 8"},
		"array, huge":           {array(tuple(integer(1<<40), integer(1<<40)), f4, latin("abcd")), "is too large"},
		"array, huge and empty": {array(tuple("K\x00", integer(1<<40), integer(1<<40)), f4, latin("")), "is too large"},
		"array, negative":       {array(integer(-1)+"\x85", f4, latin("")), "shape: dimension 0 has -1"},
		"array of objects":      {array("K\x01\x85", global("numpy", "dtype")+tuple(text("O8"), "\x89", "\x88")+"R", "]Na"), "of the type O8 is not read"},
		"array without state":   {global("numpy.core.multiarray", "_reconstruct") + tuple(global("numpy", "ndarray"), "K\x00\x85", latin("b")) + "R", "a numpy array without elements or type"},
		"array of another":      {global("numpy.core.multiarray", "_reconstruct") + tuple(global("torch", "Tensor"), "K\x00\x85", latin("b")) + "R", "makes something else than a numpy.ndarray"},
		"array's type a text":   {array("K\x01\x85", text("f4"), latin("abcd")), "a numpy array whose type is a str"},
		"type":                  {global("numpy", "dtype") + text("f4,f4") + "\x85R", `the type "f4,f4" is not read`},
		"type of minus":         {global("numpy", "dtype") + text("f-4") + "\x85R", `the type "f-4" is not read`},
		"type's order":          {f4 + tuple("K\x03", text("!"), "N", "N", "N") + "b", "unknown byte order"},
		"type stands alone":     {f4, "a numpy.dtype stands where a value should"},
		"number of few bytes":   {global("numpy.core.multiarray", "scalar") + f4 + latin("abc") + "\x86R", "3 bytes for the type f4"},
		"number of objects":     {global("numpy.core.multiarray", "scalar") + global("numpy", "dtype") + text("O8") + "\x85R" + latin("abcdefgh") + "\x86R", "a number of the type O8 is not read"},
		"number, long double":   {global("numpy.core.multiarray", "scalar") + global("numpy", "dtype") + text("f16") + "\x85R" + latin("abcdefghabcdefgh") + "\x86R", "a number of the type f16 is not read"},
		"text beyond Unicode":   {global("numpy.core.multiarray", "scalar") + global("numpy", "dtype") + text("U1") + "\x85R" + latin("\u00ff\u00ff\u00ff\u007f") + "\x86R", "a text that is not UTF-32"},
		"buffer, order":         {global("numpy._core.numeric", "_frombuffer") + tuple(latin("abcd"), f4, "K\x01\x85", text("K")) + "R", "called otherwise than numpy does"},
		"set of lists":          {"\x8f(]\x90", "a set holds a list"},
		"set of sets":           {"\x8f(\x8f\x90", "a set holds a set"},
		"set of lists, inside":  {"\x8f(]\x85\x90", "a set holds a tuple"},
		"frozenset in itself":   {"(]q\x00\x91" + "h\x00", "ends with 2 values"},
		"set of a number":       {global("builtins", "set") + "K\x01\x85R", "builtins.set: called with an int, not with a list"},
		"add to a list":         {"](N\x90", "adds items to a list, not to a set"},
		"add to a frozenset":    {"(\x91(N\x90", "adds items to a frozenset, not to a set"},
		"set under the mark":    {"\x90", "takes a value that is not there"},
		"bytearray of a number": {global("builtins", "bytearray") + integer(1<<40) + "\x85R", "builtins.bytearray: called with an int"},
		"bytes of a number":     {global("builtins", "bytes") + integer(1<<40) + "\x85R", "called with arguments"},
		"complex of texts":      {global("builtins", "complex") + text("1") + text("2") + "\x86R", "called with a str"},
		"size of texts":         {global("torch", "Size") + text("1") + "\x85\x85R", "dimension 0 has a str"},
		"counter of a list":     {global("collections", "Counter") + "]\x85R", "called with a list, not with a dict"},
		"attributes of a list":  {global("collections", "OrderedDict") + ")R]b", "sets the attributes of an OrderedDict to a list"},
		"attributes of a dict":  {"}}b", "sets attributes of a dict"},
		"class alone":           {global("torch", "Tensor"), "the class torch.Tensor stands where a value should"},
		"rebuild of a size":     {global("torch._tensor", "_rebuild_from_type_v2") + tuple(global("torch", "Size"), global("torch", "Tensor"), ")", "}") + "R", "called with the function torch.Size"},
		"rebuild in rebuild": {global("torch._tensor", "_rebuild_from_type_v2") + tuple(global("torch._tensor", "_rebuild_from_type_v2"), global("torch", "Tensor"), ")", "}") + "R",
			"called with the function torch._tensor._rebuild_from_type_v2"},
		"named arguments":     {global("collections", "OrderedDict") + ")}" + text("a") + "Ns\x92", "makes an object with named arguments"},
		"class by numbers":    {"NN\x93", "names a class by None and None"},
		"class by a list":     {text("os") + "]\x93", "names a class by a str and a list"},
		"long class":          {text(strings.Repeat("x", 2000)) + text("y") + "\x93", "a name without an end"},
		"EXT2":                {"\x83\x01\x00", "EXT2, an extension code"},
		"EXT4":                {"\x84\x01\x00\x00\x00", "EXT4, an extension code"},
		"buffer outside":      {"\x97", "NEXT_BUFFER, a buffer outside the pickle"},
		"readonly buffer":     {"N\x98", "READONLY_BUFFER, a buffer outside the pickle"},
		"text that is no int": {"Ione\n", "is not an int"},
		"POP":                 {"N0", "ends with 0 values"},
		"DUP":                 {"N2", "ends with 2 values"},
		"OBJ":                 {"(" + global("torch", "Tensor") + "o", "calls the class torch.Tensor, which is not a function"},
		"long bytes":          {"\x8e\xff\xff\xff\xff\xff\xff\xff\xff", "ends in the middle"},
		"long bytearray":      {"\x96\xff\xff\xff\xff\xff\xff\xff\x7f", "ends in the middle"},
		"long unicode":        {"\x8d\x00\x00\x00\x00\x00\x01\x00\x00", "ends in the middle"},
		"long frame":          {"\x95\x00\x00\x00\x00\x00\x00\x00\x80N", "ends in the middle"},
		"memo of nothing":     {"\x94", "takes a value that is not there"},
		"long key":            {storageID("FloatStorage", strings.Repeat("0", 1000), 4), "a storage's key of 1000 bytes"},
		"six fields":          {tuple(text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), integer(4), "N") + "Q", "a storage's id of 6 fields, not of 5"},
		"unknown metadata":    {global("torch._utils", "_rebuild_tensor_v2") + tuple(storageID("FloatStorage", "0", 4), "K\x00", ")", ")", "\x89", "N", "}"+text("evil")+"\x88s") + "R", "the metadata has evil"},
	} {
		v, err := readBytes(archived(t, c.opcodes))
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), c.want, name)
			assert.Less(t, len(err.Error()), 1000, name)
			assert.Nil(t, v)
		}
	}
}

// A few bytes that ask for much get an error before the memory.
func TestAmplification(t *testing.T) {
	deep := "]q\x00" + strings.Repeat("h\x00\x85q\x00", 1000) // tuples in tuples, as a set's member
	_, err := readBytes(archived(t, "\x8f("+deep+"\x90"))
	require.Error(t, err)
	wide := "Nq\x00"
	for range 60 { // each holds the one before twice
		wide += "h\x00h\x00\x86q\x00"
	}
	_, err = readBytes(archived(t, "("+wide+"\x8f(h\x00\x90t"))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "nested so that there are more than")
}
