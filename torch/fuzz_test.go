// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

const (
	fuzzCalls = "ETUDE_TEST_FUZZ_CALLS" // how many calls TestFuzzOperators makes
	fuzzChild = "ETUDE_TEST_FUZZ_CHILD" // "from,to,file": what the child process does
	fuzzSeed  = 20261129
)

// fuzzExcluded are the operators that the fuzzer leaves out, by reason. Another operator that
// ends the process is a fault of ours, or belongs here if the same call ends Python, too.
var fuzzExcluded = map[string]*regexp.Regexp{
	"libtorch ends the process, also in Python": fuzzNames(`_fft_(r2c|c2r|c2c)(\.out)?`, `kron\.out`, `_weight_norm_interface.*`, `_transform_bias_rescale_qkv.*`, `linalg_matrix_rank\..*out`, `_slow_conv2d_(forward|backward).*`,
		`_dyn_quant_matmul_4bit`, `_dyn_quant_pack_4bit_weight`, `_pdist_(forward|backward)(\.out)?`, `quantized_lstm(_cell)?.*`,
		`_thnn_differentiable_(gru|lstm)_cell_backward`, `_nnpack_spatial_convolution(\.out)?`, `_foreach_copy.*`,
		`native_batch_norm_backward(\.out)?`, `fractional_max_pool[23]d.*`, `reflection_pad1d_backward.*`,
		`_stack(\.out)?`, `_remove_batch_dim`, `_add_batch_dim`, `_cum(min|max)_helper`, `.*_prepack(_fp16)?`,
		`_logcumsumexp(\.out)?`),
	"libtorch computes for minutes": fuzzNames(`(kaiser|hann|hamming|blackman|bartlett)_window.*`, `special_.*_polynomial_.*`,
		`choose_qparams_optimized`, `combinations`, `cartesian_prod`),
	"changes the process or the machine, or waits for another one": fuzzNames(`_?cuda.*`, `_?cudnn.*`, `manual_seed.*`,
		`seed.*`, `initial_seed`, `from_file.*`, `save`, `wait`, `_benchmark.*`, `_print.*`, `warn.*`, `_?pin_memory.*`, `is_pinned.*`, `_set_data`,
		`set_.*`, `set_data`, `_resize_output.*`, `set_source.*`, `_unsafe_set_data`),
}

func fuzzNames(patterns ...string) *regexp.Regexp {
	return regexp.MustCompile(`^aten::(` + strings.Join(patterns, "|") + `)$`)
}

// fuzzOperators returns the operators that are called, and how many are left out and why.
func fuzzOperators(t *testing.T) (names []string, left map[string]int) {
	text, err := os.ReadFile("testdata/operators.txt") // made by gen_operators.py
	require.NoError(t, err)
	left = map[string]int{}
	known := map[string]bool{"Tensor": true, "int": true, "float": true, "bool": true, "Scalar": true, "str": true,
		"ScalarType": true, "Device": true, "Layout": true, "MemoryFormat": true}
next:
	for _, name := range strings.Fields(string(text)) {
		for why, pattern := range fuzzExcluded {
			if pattern.MatchString(name) {
				left[why]++
				continue next
			}
		}
		var args []torch.Argument
		if torch.Try(func() { args = torch.Arguments(name) }) != nil {
			left["this libtorch has no dispatcher entry of the name (TorchScript's own)"]++
			continue
		}
		for _, a := range args {
			if !known[a.Base] && !a.Optional && !a.Default {
				left["an argument that Call cannot make ("+a.Base+")"]++
				continue next
			}
		}
		names = append(names, name)
	}
	return names, left
}

// TestFuzzOperators calls random operators with random arguments in processes of their own:
// each call returns or panics with an *Error that has a text, and what it returns can
// be read, printed and differentiated. A process that ends otherwise is a failure. The
// full run is ETUDE_TEST_FUZZ_CALLS=50000 go test ./torch -run TestFuzzOperators -timeout 3h.
func TestFuzzOperators(t *testing.T) {
	torchtest.Need(t)
	if child := os.Getenv(fuzzChild); child != "" {
		fuzz(t, strings.Split(child, ","))
		return
	}
	calls := many(1000)
	if n := os.Getenv(fuzzCalls); n != "" {
		var err error
		calls, err = strconv.Atoi(n)
		require.NoError(t, err)
	}
	names, left := fuzzOperators(t)
	t.Logf("%d operators are called; left out: %v", len(names), left)
	log := filepath.Join(t.TempDir(), "call")
	total, slow := map[string]int{}, 0
	const batch = 1000
	for from := 0; from < calls; {
		to := min(from+batch-from%batch, calls)
		out, timedOut := fuzzProcess(t, from, to, log)
		for line := range strings.Lines(out) {
			if counts, ok := strings.CutPrefix(line, "FUZZED "); ok {
				var fine, refused int
				_, err := fmt.Sscan(counts, &fine, &refused)
				require.NoError(t, err)
				total["fine"] += fine
				total["refused"] += refused
			} else if strings.HasPrefix(line, "WRONG ") {
				t.Error(strings.TrimSpace(line))
			}
		}
		if strings.Contains(out, "\nENDED\n") {
			from = to
			continue
		}
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		line, _, _ := strings.Cut(string(text), "\n")
		index, call, _ := strings.Cut(line, " ")
		at, err := strconv.Atoi(index)
		require.NoError(t, err, "no call was made: %s", out)
		if timedOut {
			slow++
			t.Logf("slow, ended: call %d: %s", at, call)
		} else {
			t.Errorf("call %d ended the process: %s\n%s", at, call, out[:min(len(out), 1500)])
		}
		from = at + 1
	}
	t.Logf("%d calls with seed %d: %v, %d slow", calls, fuzzSeed, total, slow)
	assert.Greater(t, total["fine"], calls/20, "next to no call went through")
	assert.Greater(t, total["refused"], calls/20)
}

// fuzzProcess makes some calls in another process, and ends it when one takes too long.
func fuzzProcess(t *testing.T, from, to int, log string) (out string, timedOut bool) {
	const patience = 30 * time.Second
	require.NoError(t, os.WriteFile(log, nil, 0o600))
	// A bound on memory, so that a call that asks for too much is refused and the process is not killed.
	cmd := exec.Command("sh", "-c", `ulimit -v 12000000; exec "$0" "$@"`,
		os.Args[0], "-test.run=^TestFuzzOperators$", "-test.v", "-test.timeout=1h")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d,%d,%s", fuzzChild, from, to, log), "OMP_NUM_THREADS=1")
	cmd.WaitDelay = time.Second
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	last, since := "", time.Now()
	for {
		select {
		case <-done:
			return text.String(), timedOut
		case <-time.After(200 * time.Millisecond):
		}
		call, err := os.ReadFile(log)
		require.NoError(t, err)
		if string(call) != last || last == "" { // no call was made yet
			last, since = string(call), time.Now()
		}
		if time.Since(since) > patience && !timedOut {
			timedOut = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
}

// fuzz makes the calls from … to-1, each of which is a function of its number.
func fuzz(t *testing.T, job []string) {
	from, err := strconv.Atoi(job[0])
	require.NoError(t, err)
	to, err := strconv.Atoi(job[1])
	require.NoError(t, err)
	log, err := os.OpenFile(job[2], os.O_WRONLY, 0)
	require.NoError(t, err)
	names, _ := fuzzOperators(t)
	torch.SetNumThreads(1)
	torch.SetWarningHandler(func(string) {})
	before := torch.Live()
	fine, refused := 0, 0
	for i := from; i < to; i++ {
		f := fuzzer{rand.New(rand.NewPCG(fuzzSeed, uint64(i)))}
		name := names[f.IntN(len(names))]
		problem := fuzzCall(func() {
			torch.Scope(func() {
				args, text := f.arguments(name)
				line := fmt.Sprintf("%d %s(%s)\n", i, name, text)
				_, err := log.WriteAt([]byte(line), 0) // what is left of a longer one comes after its end
				require.NoError(t, err)
				result := torch.Call(name, args...)
				for k := range result.Len() {
					useResult(result.At(k))
				}
				fine++
			})
		}, &refused)
		if problem != "" {
			fmt.Printf("WRONG call %d of %s: %s\n", i, name, problem)
		}
	}
	// A handle may still be on the way to the collector; what leaks in each call is more.
	if left := torch.Live().Tensors - before.Tensors; left > int64(to-from)/100+1 {
		fmt.Printf("WRONG calls %d to %d left %d tensors\n", from, to, left)
	}
	fmt.Printf("FUZZED %d %d\nENDED\n", fine, refused)
}

// fuzzCall returns what is wrong with the way in which f ended.
func fuzzCall(f func(), refused *int) (problem string) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case error:
			var known *torch.Error
			switch {
			case !errors.As(e, &known):
				problem = fmt.Sprintf("panic with %T: %v", e, e)
			case known.Message == "":
				problem = "an error without a text"
			default:
				*refused++
			}
		default:
			problem = fmt.Sprintf("panic with %T: %v", e, e)
		}
	}()
	f()
	return ""
}

// useResult uses a result as programs do. libtorch may refuse that, with an error.
func useResult(v any) {
	switch v := v.(type) {
	case []*torch.Tensor:
		for _, x := range v {
			useResult(x)
		}
	case *torch.Tensor:
		if v == nil {
			return
		}
		for _, f := range []func(){
			func() { v.Shape(); v.Strides(); v.Storage() },
			func() { _ = v.String() },
			func() { _ = v.Grad() },
			func() { torch.ToSlice[float32](v) },
			func() { v.Bytes() },
			func() { v.Sum().Backward() },
			func() { v.ToDType(torch.Float32).Sum().Item() },
		} {
			_ = torch.Try(f)
		}
	}
}

// fuzzer makes arguments.
type fuzzer struct{ *rand.Rand }

func pick[T any](f fuzzer, xs ...T) T { return xs[f.IntN(len(xs))] }

func (f fuzzer) arguments(name string) (args []any, text string) {
	var shape []int // most tensors of a call have the same
	for range f.IntN(5) {
		shape = append(shape, 1+f.IntN(4))
	}
	named := torch.Named{}
	open := true // no positional argument was left out
	var texts []string
	for _, a := range torch.Arguments(name) {
		if a.Default && f.IntN(2) == 0 {
			open = open && a.Keyword
			continue
		}
		v, s := f.value(a, shape)
		texts = append(texts, a.Name+"="+s)
		if open && !a.Keyword {
			args = append(args, v)
		} else {
			named[a.Name] = v
		}
	}
	if f.IntN(100) == 0 && len(args) > 0 {
		args = args[:len(args)-1]
	}
	return append(args, named), strings.Join(texts, ", ")
}

func (f fuzzer) value(a torch.Argument, shape []int) (any, string) {
	if a.Optional && f.IntN(3) == 0 {
		return nil, "nil"
	}
	base := a.Base
	if f.IntN(150) == 0 {
		base = pick(f, "Tensor", "int", "float", "bool", "str", "ScalarType", "Device", "MemoryFormat")
	}
	if !a.List {
		return f.single(base, a.Name, shape)
	}
	n := f.IntN(5)
	if a.Length > 0 && f.IntN(3) > 0 {
		n = a.Length
	}
	switch base {
	case "Tensor":
		xs, texts := make([]*torch.Tensor, n), make([]string, n)
		for i := range xs {
			if texts[i] = "nil"; f.IntN(10) > 0 {
				xs[i], texts[i] = f.tensor(shape)
			}
		}
		return xs, fmt.Sprint(texts)
	case "int", "Scalar":
		xs := make([]int, n)
		for i := range xs {
			if xs[i] = f.IntN(4); f.IntN(2) == 0 {
				xs[i] = f.integer()
			}
		}
		return xs, fmt.Sprint(xs)
	case "bool":
		xs := make([]bool, n)
		for i := range xs {
			xs[i] = f.IntN(2) == 0
		}
		return xs, fmt.Sprint(xs)
	}
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = f.float()
	}
	return xs, fmt.Sprint(xs)
}

func (f fuzzer) integer() int {
	return pick(f, 0, 0, 1, 1, 1, 2, 2, 3, -1, -1, -2, -3, 4, 5, 7, 16, 64, 1000, 1<<31, -1<<31, 1<<40, math.MaxInt32, math.MaxInt64, math.MinInt64)
}

func (f fuzzer) float() float64 {
	return pick(f, 0, 1, -1, 0.5, -0.5, 2, 3.7, 1e-6, 1e-300, 1e300, math.NaN(), math.Inf(1), math.Inf(-1))
}

func (f fuzzer) single(base, name string, shape []int) (v any, text string) {
	switch base {
	case "Tensor":
		if f.IntN(30) > 0 {
			return f.tensor(shape)
		}
		v = pick[any](f, 1, 2.5, true, 1i, uint64(math.MaxUint64))
	case "int":
		if v = f.integer(); strings.Contains(name, "dim") && f.IntN(3) > 0 {
			v = pick(f, 0, 1, -1, 2)
		}
	case "float":
		v = f.float()
	case "Scalar":
		v = pick[any](f, f.integer(), f.float(), true, false, 1+2i)
	case "bool":
		v = f.IntN(2) == 0
	case "ScalarType":
		v = pick(f, fuzzTypes...)
	case "Device":
		v = pick(f, "cpu", "cpu", "cpu", "meta", "cuda", "cpu:0", "cuda:3", "mps", "xla")
	case "Layout":
		v = torch.Layout(pick(f, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 9, -1, 256))
	case "MemoryFormat":
		v = torch.MemoryFormat(pick(f, 0, 1, 2, 3, 4, -1, 256))
	default:
		v = pick(f, "", "mean", "sum", "none", "linear", "ij", "floor", "trunc", "prod", "amax", "ii->i", "...", "reflect", "constant", "gelu", "tanh", "L", "\x00", strings.Repeat("a", 300))
	}
	return v, fmt.Sprintf("%T(%v)", v, v)
}

var fuzzTypes = []torch.DType{torch.Float32, torch.Float32, torch.Float32, torch.Float64, torch.Float16, torch.BFloat16,
	torch.Int64, torch.Int64, torch.Int32, torch.Int16, torch.Int8, torch.UInt8, torch.Bool, torch.Complex64,
	torch.Complex128, torch.UInt16, torch.UInt64, torch.Float8E5M2, torch.Complex32, torch.DType(200)}

// tensor makes a tensor of any type, shape and layout. A step that is refused is left out.
func (f fuzzer) tensor(shape []int) (*torch.Tensor, string) {
	if f.IntN(3) == 0 {
		shape = nil
		for range pick(f, 0, 1, 1, 2, 2, 2, 3, 3, 4, 5) {
			shape = append(shape, pick(f, 0, 1, 1, 2, 2, 3, 4, 5, 6, 8))
		}
	}
	n := 1
	for _, s := range shape {
		n *= s
	}
	xs, fill := make([]float32, n), f.IntN(7)
	for i := range xs {
		xs[i] = []float32{0, float32(i), float32(i%3) - 1, float32(math.NaN()), float32(math.Inf(1)), 1e9, float32(i) * 0.37}[fill]
	}
	t := torch.FromSlice(xs, append([]int{}, shape...)...)
	texts := []string{fmt.Sprint(shape), fmt.Sprintf("fill%d", fill)}
	try := func(what string, change func() *torch.Tensor) {
		if torch.Try(func() { t = change() }) == nil {
			texts = append(texts, what)
		}
	}
	if d := pick(f, fuzzTypes...); f.IntN(2) == 0 && d != torch.Float32 {
		try(d.String(), func() *torch.Tensor { return t.ToDType(d) })
	}
	call := func(what string, args ...any) {
		try(what, func() *torch.Tensor { return torch.Call(what, append([]any{t}, args...)...).Tensor() })
	}
	switch f.IntN(24) {
	case 0, 1, 2:
		call("aten::transpose.int", 0, -1)
	case 3, 4, 5:
		call("aten::slice.Tensor", 0, 0, math.MaxInt64, 2)
	case 6, 7:
		try("expanded", func() *torch.Tensor { return t.Unsqueeze(0).Expand(append([]int{3}, shape...)...) })
	case 8:
		call("aten::to_sparse")
	case 9:
		call("aten::to_sparse_csr")
	case 10:
		call("aten::_conj")
	case 11:
		call("aten::_neg_view")
	case 12:
		call("aten::to_mkldnn")
	case 13:
		try("meta", func() *torch.Tensor { return t.To(torch.Device{Type: 14}) })
	case 14:
		try("zerotensor", func() *torch.Tensor {
			return torch.Call("aten::_efficientzerotensor", append([]int{}, shape...)).Tensor()
		})
	}
	if f.IntN(4) == 0 {
		try("grad", func() *torch.Tensor { return t.SetRequiresGrad(true) })
	}
	return t, strings.Join(texts, " ")
}
