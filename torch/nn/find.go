// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

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
