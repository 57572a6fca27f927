// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// Parameters returns the parameters of m in PyTorch's order, each once. m is a
// pointer to any struct with layers or tensors in its fields, or a slice of such.
func Parameters(m any) []*torch.Tensor {
	named := NamedParameters(m)
	ts := make([]*torch.Tensor, len(named))
	for i, n := range named {
		ts[i] = n.Tensor
	}
	return ts
}

// NamedParameters returns the parameters of m with their names, in PyTorch's
// order. A tensor that is reached in two ways has the name of the first.
func NamedParameters(m any) []NamedTensor {
	seen := map[*torch.Tensor]bool{}
	var ts []NamedTensor
	for _, n := range NamedTensors(m) {
		if !n.Buffer && !seen[n.Tensor] {
			seen[n.Tensor] = true
			ts = append(ts, n)
		}
	}
	return ts
}

// ParameterCount returns the number of trained values in m.
func ParameterCount(m any) int {
	n := 0
	for _, p := range Parameters(m) {
		n += p.Numel()
	}
	return n
}

// NamedTensors returns the parameters and buffers of m with their names, in the order of
// PyTorch's state_dict. As there, a tensor that is reached in two ways comes twice.
func NamedTensors(m any) []NamedTensor {
	var ts []NamedTensor
	w := walker{found: func(n NamedTensor) { ts = append(ts, n) }}
	w.walk("", reflect.ValueOf(m))
	return ts
}

// StateDict returns the parameters and buffers of m by name, as PyTorch's
// state_dict does, to be saved or to be loaded elsewhere. The tensors share their
// elements with m's and are not part of any graph. [NamedTensors] returns m's own.
func StateDict(m any) *torch.Dict {
	d := &torch.Dict{OrderedDict: true}
	for _, n := range NamedTensors(m) {
		d.Set(n.Name, n.Tensor.Detach())
	}
	return d
}

// LoadStateDict copies the tensors of d over the parameters and buffers of m, from
// whatever device and floating-point type. Names and shapes must be exactly m's:
// otherwise the error lists all that is missing, unexpected or of another shape,
// and m is as it was.
func LoadStateDict(m any, d *torch.Dict) error {
	if d == nil {
		return errors.New("nn: the state dict is nil")
	}
	named := NamedTensors(m)
	tensors, err := fitting(named, d)
	if err != nil {
		return err
	}
	return torch.Try(func() {
		torch.NoGrad(func() {
			for i, n := range named {
				n.Tensor.CopyInPlace(tensors[i])
			}
		})
	})
}

// fitting returns the tensors of a state dict that belong to a network's, or an error that
// lists all differences in names and shapes.
func fitting(named []NamedTensor, d *torch.Dict) ([]*torch.Tensor, error) {
	var missing, wrong, unexpected []string
	tensors := make([]*torch.Tensor, len(named))
	known := map[string]bool{}
	for i, n := range named {
		known[n.Name] = true
		v, ok := d.Get(n.Name)
		if !ok {
			missing = append(missing, n.Name)
			continue
		}
		t, ok := v.(*torch.Tensor)
		if !ok || t == nil {
			wrong = append(wrong, fmt.Sprintf("%s is no tensor but %T", n.Name, v))
			continue
		}
		if have, want := t.Shape(), n.Tensor.Shape(); !slices.Equal(have, want) {
			wrong = append(wrong, fmt.Sprintf("%s has the shape %v, the network's is %v", n.Name, have, want))
		}
		tensors[i] = t
	}
	for _, k := range d.Keys() {
		if name, ok := k.(string); !ok || !known[name] {
			unexpected = append(unexpected, fmt.Sprint(k))
		}
	}
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"missing: ", missing}, {"unexpected: ", unexpected}, {"", wrong}} {
		if len(p.names) > 0 {
			parts = append(parts, p.what+strings.Join(p.names, ", "))
		}
	}
	if parts != nil {
		return nil, errors.New("nn: the state dict does not fit the network: " + strings.Join(parts, "; "))
	}
	return tensors, nil
}

// To moves the parameters and buffers of m, and their gradients, between the CPU
// and a CUDA device. The tensors stay the same, so an optimizer keeps its hold on
// them; its own state does not move, so move first and step later, as in PyTorch.
// For other kinds of device, whose tensors libtorch cannot exchange, build the
// network on the device.
func To(m any, d torch.Device) {
	scoped(func() {
		for _, n := range NamedTensors(m) {
			if n.Tensor.Device() != d {
				setData(n.Tensor, n.Tensor.Detach().To(d))
			}
		}
	})
}

// setData puts the elements of data, and a gradient on its device, into t.
func setData(t, data *torch.Tensor) {
	from, to := t.Device(), data.Device()
	if err := torch.Try(func() { torch.Call("aten::set_data", t, data) }); err != nil {
		throw("nn.To", "a tensor on %v cannot become one on %v; build the network on that device instead. libtorch says: %v", from, to, err)
	}
	if grad := t.Grad(); grad != nil {
		t.SetGrad(grad.To(to))
	}
}

// usualPrefixes come first, in this order, where weights fit under several: those of
// checkpoints, of DataParallel, of torch.compile and of Lightning modules.
var usualPrefixes = []string{"", "model_state_dict.", "state_dict.", "model.", "module.", "_orig_mod.", "net."}

// FindState returns the prefixes under which a file holds the tensors of a state dict.
// Both maps give the shapes of tensors by their names; those of the file are joined by
// dots from its root, so a prefix is a key of a checkpoint such as "state_dict.", what
// a wrapper puts before every name such as "module.", or both. Under a prefix are
// exactly the tensors of want and no others; what is beside it does not matter.
//
// The likeliest comes first: the usual ones, averages of weights (EMA) last.
func FindState(file, want map[string][]int) []string {
	if len(want) == 0 {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(want)))
	var found []string
	for name := range file {
		prefix, ok := strings.CutSuffix(name, first)
		if ok && (prefix == "" || strings.HasSuffix(prefix, ".")) && fits(file, want, prefix) {
			found = append(found, prefix)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return found
}

func fits(file, want map[string][]int, prefix string) bool {
	for name, shape := range want {
		have, ok := file[prefix+name]
		if !ok || !slices.Equal(have, shape) {
			return false
		}
	}
	under := 0
	for name := range file {
		if strings.HasPrefix(name, prefix) {
			under++
		}
	}
	return under == len(want)
}

// averaged matches prefixes of averages of weights.
var averaged = regexp.MustCompile(`(?i)(^|[._])(ema|averaged|shadow|swa)([._]|$)`)

// rank is a prefix's place in usualPrefixes, by how it begins, and behind all others for
// averages.
func rank(prefix string) int {
	i := slices.IndexFunc(usualPrefixes, func(u string) bool {
		return prefix == u || u != "" && strings.HasPrefix(prefix, u)
	})
	if i < 0 {
		i = len(usualPrefixes)
	}
	if averaged.MatchString(prefix) {
		i += len(usualPrefixes) + 1
	}
	return i
}
