// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/trainer"
)

// VerifyResume trains the network without a break, and again with a break after
// each of the batches stopAt, and compares; see [trainer.VerifyResume]. Nothing
// but temporary files is written.
func (p *Prepared) VerifyResume(ctx context.Context, stopAt []int) (trainer.ResumeReport, error) {
	defer p.train.Close()
	defer p.val.Close()
	report, err := trainer.VerifyResume(ctx, func() (trainer.Run, error) {
		if err := p.make(); err != nil {
			return trainer.Run{}, err
		}
		return p.run(), nil
	}, stopAt)
	if err != nil {
		return report, fmt.Errorf("%s: %w", p.Spec.Name, err)
	}
	return report, nil
}
