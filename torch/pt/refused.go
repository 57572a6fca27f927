// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"strings"
)

// refusals give advice for names that real files hold.
var refusals = map[string]string{
	"torch._utils._rebuild_sparse_tensor":                 "a sparse tensor; save tensor.to_dense()",
	"torch._utils._rebuild_qtensor":                       "a quantised tensor; save tensor.dequantize()",
	"torch._utils._rebuild_nested_tensor":                 "a nested tensor; save tensor.unbind()",
	"torch._utils._rebuild_meta_tensor_no_storage":        "a tensor of the meta device, which has no elements; save one that has",
	"torch._utils._rebuild_wrapper_subclass":              "a subclass of Tensor; save plain tensors",
	"torch._utils._rebuild_device_tensor_from_numpy":      "a tensor of an accelerator; save tensor.cpu()",
	"torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of an accelerator; save tensor.cpu()",
	"torch._utils._rebuild_xla_tensor":                    "a tensor of an accelerator; save tensor.cpu()",
	"torch.storage.TypedStorage":                          "a bare storage; save the tensor",
	"argparse.Namespace":                                  "a script's arguments; save vars(args)",
	"pathlib.PosixPath":                                   "a path; save str(path)",
	"pathlib._local.PosixPath":                            "a path; save str(path)",
	"pathlib.WindowsPath":                                 "a path; save str(path)",
	"datetime.datetime":                                   "a time; save time.isoformat()",
	"numpy.random._pickle.__generator_ctor":               "a random generator; save its bit_generator.state",
}

func refuseGlobal(name string) error {
	what, ok := refusals[name]
	if _, element, found := strings.Cut(name, "torch."); !ok && found {
		switch {
		case strings.HasPrefix(element, "Q") && strings.HasSuffix(element, "Storage"):
			what, ok = "a quantised storage; save tensor.dequantize()", true
		case strings.HasPrefix(element, "qint"), strings.HasPrefix(element, "quint"):
			what, ok = "a quantised element type; save tensor.dequantize()", true
		}
	}
	if ok {
		return fmt.Errorf("the file asks for %q, %s in Python instead; nothing of it was run", name, what)
	}
	return fmt.Errorf("the file asks for the Python class or function %q, which is not read, and nothing of it was run; save plain data in Python, such as torch.save(model.state_dict(), path)", name)
}
