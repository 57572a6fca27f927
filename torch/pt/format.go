// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/etude-ml/etude/torch/inspect"
)

// checkMagic finds the format of a file from its first bytes: a zip archive, or a
// legacy file, which begins with a pickle.
func checkMagic(r io.ReaderAt, size int64) (legacy bool, err error) {
	if size == 0 {
		return false, errors.New("it is empty")
	}
	head := make([]byte, min(size, 512))
	if n, err := r.ReadAt(head, 0); err != nil && n < len(head) {
		return false, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return false, nil
	case inspect.Format(head) == "pt" && head[0] != 'P':
		return true, nil
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return false, errors.New("it is a tar file, as torch.save made before PyTorch 0.2; in Python, torch.save(torch.load(path, weights_only=False), path) converts one that you trust")
	case inspect.Format(head) == "safetensors":
		return false, errors.New("it is a safetensors file; in Python, torch.save(safetensors.torch.load_file(path), \"weights.pt\") converts it")
	}
	if what := inspect.OtherFile(head); what != "" {
		return false, errors.New(what)
	}
	return false, fmt.Errorf("it is not a .pt file of torch.save: it begins with %q, not with \"PK\\x03\\x04\"", head[:min(len(head), 8)])
}
