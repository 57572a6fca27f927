// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// longestText is the length of the longest text that is listed in full.
const longestText = 1 << 20

// shortened describes the n bytes of a text that is too long to be listed.
func shortened(kind string, n int, text io.Reader) string {
	h := sha256.New()
	_, _ = io.Copy(h, struct{ io.Reader }{text}) // in parts: WriteTo would copy the whole
	return fmt.Sprintf("<%s of %d bytes, sha256 %x>", kind, n, h.Sum(nil))
}

// leafOf returns a plain value in the form of inspect.Value.
func leafOf(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, int, *big.Int:
		return v, true
	case string:
		if len(v) > longestText {
			return shortened("a str", len(v), strings.NewReader(v)), true
		}
		return pickle.Visible(v), true
	case *pickle.Object:
		return "<" + v.Class + ">", true
	case float64:
		switch {
		case math.IsNaN(v):
			return "nan", true
		case math.IsInf(v, 0):
			return map[bool]string{true: "inf", false: "-inf"}[v > 0], true
		}
		return v, true
	case complex128:
		return fmt.Sprint(v), true
	case []byte:
		if len(v) > longestText {
			return shortened("bytes", len(v), bytes.NewReader(v)), true
		}
		return hex.EncodeToString(v), true
	case *pickle.ByteArray:
		return leafOf(v.Bytes)
	case Size:
		list := make([]any, len(v))
		for i, n := range v {
			list[i] = n
		}
		return list, true
	case torch.DType:
		return "torch." + v.String(), true
	case torch.Layout:
		return "torch.strided", true
	case deviceName:
		return string(v), true
	}
	return nil, false
}

// keyName returns a dict's key, or an index, as a part of a name.
func keyName(key any) string {
	switch key := key.(type) {
	case string:
		return pickle.Visible(key)
	case int, bool, float64:
		return fmt.Sprint(key)
	}
	return repr(key)
}

// keyStep returns a key as a step in the path of an error.
func keyStep(key any) any {
	switch key := key.(type) {
	case string, int, bool, float64:
		return key
	}
	return repr(key)
}

// repr returns a key as Python writes it.
func repr(key any) string { return reprIn(key, 0) }

func reprIn(key any, depth int) string {
	switch key := key.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[key]
	case int, *big.Int, complex128:
		return fmt.Sprint(key)
	case float64:
		return strconv.FormatFloat(key, 'g', -1, 64)
	case string:
		return quote(pickle.Visible(key))
	case []byte:
		var b strings.Builder
		for _, c := range key {
			if c < ' ' || c > '~' || c == '\'' || c == '\\' {
				fmt.Fprintf(&b, `\x%02x`, c)
			} else {
				b.WriteByte(c)
			}
		}
		return "b'" + b.String() + "'"
	case Size:
		return "torch.Size(" + strings.ReplaceAll(fmt.Sprint([]int(key)), " ", ", ") + ")"
	case *pickle.Tuple:
		return "(" + reprs(key.Items, depth) + ")"
	case *pickle.Set:
		return "frozenset({" + reprs(key.Items, depth) + "})"
	}
	if u, ok := key.(unread); ok {
		key = &pickle.Object{Class: u.name}
	}
	leaf, _ := leafOf(key)
	return fmt.Sprint(leaf)
}

func reprs(items []any, depth int) string {
	if depth > 20 {
		return "…"
	}
	parts := make([]string, len(items))
	for i, x := range items {
		parts[i] = reprIn(x, depth+1)
	}
	return strings.Join(parts, ", ")
}

func quote(s string) string {
	return "'" + strings.NewReplacer("'", `\'`, "\n", `\n`).Replace(s) + "'"
}
