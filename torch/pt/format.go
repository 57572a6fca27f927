// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"encoding/binary"
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
	case isLegacy(head):
		return true, nil
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return false, errors.New("it is a tar file, as torch.save made before PyTorch 0.2; in Python, torch.save(torch.load(path, weights_only=False), path) converts one that you trust")
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= uint64(size):
		return false, errors.New("it is a safetensors file; in Python, torch.save(safetensors.torch.load_file(path), \"weights.pt\") converts it")
	}
	if what := inspect.OtherFile(head); what != "" {
		return false, errors.New(what)
	}
	return false, fmt.Errorf("it is not a .pt file of torch.save: it begins with %q, not with \"PK\\x03\\x04\"", head[:min(len(head), 8)])
}

// isLegacy reports whether a file begins with a pickle: of the protocols 2 to 5, or of
// the number that PyTorch's legacy format begins with in the protocols 0 and 1.
func isLegacy(head []byte) bool {
	return len(head) > 1 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5 ||
		bytes.HasPrefix(head, []byte("L"+legacyMagic.String()+"L\n"))
}
