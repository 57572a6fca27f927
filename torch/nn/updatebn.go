// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"

	"github.com/etude-ml/etude/torch"
)

// UpdateBN computes the running statistics of every [BatchNorm] in m anew, for weights that
// were not trained with them, such as averages. f has to pass the data through m, batch by
// batch; it is called in training mode and without gradients. The statistics become the
// means of those of all batches. As torch.optim.swa_utils.update_bn.
func UpdateBN(m any, f func()) {
	momenta := map[*BatchNorm]*float64{}
	visit("", reflect.ValueOf(m), nil, func(_ string, v reflect.Value) {
		if !v.CanAddr() {
			return
		}
		if l, ok := v.Addr().Interface().(*BatchNorm); ok {
			momenta[l] = l.Momentum
		}
	})
	if len(momenta) == 0 {
		return
	}
	defer func() {
		for l, momentum := range momenta {
			l.Momentum = momentum
		}
	}()
	torch.NoGrad(func() {
		for l := range momenta {
			l.Momentum = nil
			if l.RunningMean != nil {
				l.RunningMean.FillInPlace(0)
				l.RunningVar.FillInPlace(1)
				l.NumBatchesTracked.FillInPlace(0)
			}
		}
		inMode(m, true, f)
	})
}
