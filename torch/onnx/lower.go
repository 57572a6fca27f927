// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// lower returns the ONNX graph of a network. Tensors of its state dict keep their names.
func lower(p *program) *pb.Graph {
	p.taken, p.learned = map[string]bool{}, map[string]int{}
	l := &lowerer{
		emitter: emitter{
			p: p, opset: p.Opset, graph: &pb.Graph{Name: "network"}, taken: p.taken,
			written: map[string]string{}, sizeOf: map[string]string{},
		},
		need: p.needed(), values: map[torch.ValueID]*value{}, state: map[string]string{}, renamed: map[string]string{},
	}
	// Names that the caller knows are taken first, so that others avoid them.
	for _, name := range p.names() {
		l.taken[name] = true
	}
	for _, n := range nn.NamedTensors(p.model) {
		if key := storageKey(n.Tensor); l.state[key] == "" {
			l.state[key] = n.Name
		}
	}
	g0 := p.traces[0]
	checkInPlace(g0)
	for i, in := range p.Inputs {
		l.input(g0.Inputs[i], in.Name)
	}
	captured := slices.Sorted(maps.Keys(g0.Captured))
	for _, id := range captured {
		l.capture(id)
	}
	for i := range g0.Nodes {
		at(&g0.Nodes[i], func() { l.call(i) })
	}
	for i, name := range p.Outputs {
		l.output(g0.Outputs[i], name)
	}
	l.prune()
	verify(l.graph)
	return l.graph
}

func (l *lowerer) input(id torch.ValueID, name string) {
	v := &value{name: name, shape: l.p.shape(id, "input "+name), dtype: l.p.traces[0].DTypes[id]}
	l.values[id] = v
	l.graph.Inputs = append(l.graph.Inputs, valueInfo(name, v.dtype, v.shape))
	l.measure(name, v.shape)
}

// capture adds a tensor that the network did not compute.
func (l *lowerer) capture(id torch.ValueID) {
	if !l.need[id] {
		return
	}
	t := l.p.traces[0].Captured[id]
	v := &value{dtype: t.DType(), tensor: t, label: l.state[storageKey(t)]}
	what := "a tensor from outside the network"
	if v.label != "" {
		what, v.learned = v.label, true
	}
	v.shape = l.p.shape(id, what)
	v.zero = isZero(t)
	same := true
	for _, g := range l.p.traces[1:] {
		other := g.Captured[id]
		v.zero = v.zero && isZero(other)
		same = same && (storageKey(other) == storageKey(t) || slices.Equal(other.Shape(), t.Shape()) && other.Equal(t))
	}
	l.values[id] = v
	switch {
	case same:
	case v.zero:
		*v = *l.filled(v.shape, v.dtype, 0)
	default:
		fail.With("%s, of shape %v, is another one in every call: it comes from Go values (FromSlice and the like), which the file cannot compute", what, t.Shape())
	}
}

// call lowers one call, unless nothing needs its results.
func (l *lowerer) call(i int) {
	n := &l.p.traces[0].Nodes[i]
	if slices.Contains(reads, n.Op) {
		fail.With("the network reads a value of a tensor into Go (%s): the file would hold the example's value for ever. "+
			"Compute with the tensor: x.Mul(y) and torch.Where instead of x.MulScalar(y.Item()) and if", n.Op)
	}
	if !slices.ContainsFunc(n.Results, func(id torch.ValueID) bool { return l.need[id] }) {
		return
	}
	c := &call{lowerer: l, node: n, index: i}
	name := row(n)
	own, f := ownLowering(name), kept[name]
	switch {
	case f == nil && c.foldable():
		c.fold()
		return
	case own != nil:
		f = own
	case f == nil:
		f = table[name]
	}
	switch {
	case f != nil:
	case n.Schema.Random && len(otherForms(name)) == 0:
		fail.With("%s (call %d of the network) draws random numbers: the file would hold one draw for ever. "+
			"Leave it out in evaluation mode, or give the network the numbers as an input", name, i+1)
	default:
		fail.With("%s (call %d of the network) cannot be exported: %s", name, i+1, remedy(name))
	}
	f(c)
	for k, id := range n.Results {
		if l.need[id] && l.values[id] == nil {
			fail.With("%s: result %d cannot be exported", name, k)
		}
	}
}

// reads are the operators that return values of tensors to Go.
var reads = []string{"aten::allclose", "aten::equal", "aten::is_nonzero", "aten::item", "aten::_local_scalar_dense"}

// instead says what to write in the place of operators that ONNX lacks.
var instead = []struct{ text, operators string }{
	{"its result's shape depends on values, and torch.Where, MaskedFill or a product with the mask keep the shape",
		"argwhere masked_select nonzero nonzero_numpy nonzero_static"},
	{"its result's shape depends on values: compute it outside of the network",
		"_unique _unique2 unique_consecutive unique_dim unique_dim_consecutive"},
	{"its result's shape depends on values, and x.OneHot(n).Sum(0) counts n values", "bincount"},
	{"ONNX has no counts of bins: sum comparisons with the edges, x.Ge(low).LogicalAnd(x.Lt(high)).Sum()",
		"histc histogram histogramdd _histogramdd_bin_edges _histogramdd_from_bin_cts _histogramdd_from_bin_tensors"},
	{"ONNX has no decompositions, inverses or solutions of systems: compute what follows from weights alone before the export, " +
		"and the rest outside of the network",
		"cholesky_inverse cholesky_solve geqrf inverse linalg_cholesky linalg_cholesky_ex linalg_eig linalg_eigh linalg_eigvals " +
			"linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu " +
			"linalg_lu_factor linalg_lu_factor_ex linalg_lu_solve linalg_matrix_exp linalg_matrix_rank linalg_pinv linalg_qr linalg_solve " +
			"linalg_solve_ex linalg_solve_triangular linalg_svd linalg_svdvals lu_solve lu_unpack ormqr pinverse slogdet linalg_slogdet svd " +
			"triangular_solve _linalg_eigh _linalg_eigvals _linalg_slogdet _linalg_solve_ex _linalg_svd"},
	{"ONNX has no complex numbers: multiply by a constant matrix of cosines and one of sines, and keep two real tensors; " +
		"Real, Imag and Abs of an STFT can be exported",
		"_fft_c2c _fft_c2r _fft_r2c complex fft_fft fft_fft2 fft_fftn fft_ifft fft_ifft2 fft_ifftn fft_irfft fft_irfft2 fft_irfftn fft_rfft " +
			"fft_rfft2 fft_rfftn istft polar view_as_complex"},
	{"ONNX has no such special function: write a polynomial that is good enough where the network needs it",
		"digamma erfinv i0 igamma igammac lgamma mvlgamma polygamma special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 " +
			"special_bessel_y1 special_erfcx special_i0e special_i1 special_i1e special_log_ndtr special_modified_bessel_i0 " +
			"special_modified_bessel_i1 special_modified_bessel_k0 special_modified_bessel_k1 special_ndtri special_scaled_modified_bessel_k0 " +
			"special_scaled_modified_bessel_k1 special_spherical_bessel_j0 special_zeta"},
	{"a file knows no places in memory: write Narrow, Unfold or Expand", "as_strided as_strided_copy as_strided_scatter"},
	{"ONNX has no packed sequences: give the layer the padded tensor", "_pack_padded_sequence _pad_packed_sequence"},
	{"ONNX has no loop over alignments: leave this loss to training, and export the network up to its log-probabilities",
		"ctc_loss _ctc_loss"},
}

// remedy returns the advice for an operator that is not in the table: call another
// overload or operator, or write a lowering.
func remedy(name string) string {
	const write = "give it a form of its own (onnx.RegisterLowering)"
	if forms := otherForms(name); len(forms) > 0 {
		return fmt.Sprintf("call one of its other forms, %s, or %s", strings.Join(forms, ", "), write)
	}
	base, _, _ := strings.Cut(name, ".")
	for _, i := range instead {
		if slices.Contains(strings.Fields(i.operators), strings.TrimPrefix(base, "aten::")) {
			return i.text
		}
	}
	return "compute it with other operators, or " + write
}

// otherForms returns the overloads of an operator that can be exported.
func otherForms(name string) (forms []string) {
	base, _, _ := strings.Cut(name, ".")
	for _, rows := range []map[string]lowering{table, kept} {
		for k := range rows {
			if strings.HasPrefix(k, base+".") || k == base {
				forms = append(forms, k)
			}
		}
	}
	slices.Sort(forms)
	return forms
}

// output makes a value the graph's output.
func (l *lowerer) output(id torch.ValueID, name string) {
	v, ok := l.values[id]
	if !ok {
		fail.With("the output %q is not computed by the network", name)
	}
	if v.constant() {
		fail.With("the output %q does not depend on an input", name)
	}
	from := cmp.Or(l.renamed[v.name], v.name)
	l.graph.Outputs = append(l.graph.Outputs, valueInfo(name, v.dtype, v.shape))
	l.graph.ValueInfo = slices.DeleteFunc(l.graph.ValueInfo, func(i *pb.ValueInfo) bool { return i.Name == from })
	if slices.Contains(l.p.names(), from) { // an input itself, or an output already
		n := &pb.Node{Name: l.unique("Identity"), OpType: "Identity", Inputs: []string{from}, Outputs: []string{name}}
		l.graph.Nodes = append(l.graph.Nodes, n)
		return
	}
	l.renamed[from] = name
	for _, n := range l.graph.Nodes {
		for _, names := range [][]string{n.Inputs, n.Outputs} {
			for k, s := range names {
				if s == from {
					names[k] = name
				}
			}
		}
	}
}
