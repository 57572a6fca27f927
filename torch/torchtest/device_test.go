// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// recorder is a test that records how it ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper()                      {}
func (r *recorder) Errorf(f string, args ...any) { r.failed = fmt.Sprintf(f, args...) }
func (r *recorder) Fatalf(f string, args ...any) { r.Errorf(f, args...); runtime.Goexit() }
func (r *recorder) Skip(args ...any)             { r.skipped = fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Skipf(f string, args ...any)  { r.Skip(fmt.Sprintf(f, args...)) }

func record(t *testing.T, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func TestAcceleratorIsTheOneThatIsNamed(t *testing.T) {
	torchtest.Need(t)
	t.Setenv("ETUDE_TEST_REQUIRE_DEVICE", "")
	accelerator := func(tb testing.TB) { torchtest.Accelerator(tb) }

	t.Setenv("ETUDE_TEST_DEVICE", "cpu")
	assert.Equal(t, torch.CPU, torchtest.Accelerator(t))
	assert.False(t, torchtest.IsPretend(torch.CPU))
	assert.Contains(t, record(t, func(tb testing.TB) { torchtest.SecondDevice(tb) }).skipped, "ETUDE_TEST_DEVICE is cpu")
	assert.Contains(t, record(t, func(tb testing.TB) { torchtest.Pretend(tb) }).skipped, "a test of the pretend accelerator; ETUDE_TEST_DEVICE is cpu")

	t.Setenv("ETUDE_TEST_DEVICE", "cuda:77")
	r := record(t, accelerator)
	assert.Contains(t, r.skipped, "ETUDE_TEST_DEVICE=cuda:77: torch: device cuda:77")
	assert.Empty(t, r.failed)
	t.Setenv("ETUDE_TEST_REQUIRE_DEVICE", "1")
	r = record(t, accelerator)
	assert.Contains(t, r.failed, "ETUDE_TEST_REQUIRE_DEVICE=1 forbids to skip")
	assert.Empty(t, r.skipped)
	t.Setenv("ETUDE_TEST_DEVICE", "gpu")
	assert.Contains(t, record(t, accelerator).failed, `device "gpu" is not known`)
}

func TestSameNumbers(t *testing.T) {
	torchtest.Need(t)
	nan := math.NaN()
	for _, c := range []struct {
		device    torch.Device
		want, got []float64
		same      bool
	}{
		{torch.CPU, []float64{1, nan}, []float64{1, nan}, true},
		{torch.CPU, []float64{1}, []float64{math.Nextafter(1, 2)}, false},
		{torch.CPU, []float64{1}, []float64{1, 2}, false},
		{torch.CUDA(0), []float64{1e3, 1e-9}, []float64{1e3 + 0.09, 0.9e-4}, true},
		{torch.CUDA(0), []float64{1e3}, []float64{1e3 + 0.11}, false},
		{torch.CUDA(0), []float64{0}, []float64{1.1e-4}, false},
		{torch.CUDA(0), []float64{1}, []float64{nan}, false},
	} {
		r := record(t, func(tb testing.TB) { torchtest.SameNumbers(tb, c.device, c.want, c.got, "losses") })
		assert.Equal(t, c.same, r.failed == "", "%v: %s", c, r.failed)
	}
	assert.InDelta(t, 1e-6, torchtest.Tolerance(torch.CPU, 1e-6), 0)
	assert.InDelta(t, 1e-4, torchtest.Tolerance(torch.CUDA(0), 1e-6), 0)
	assert.InDelta(t, 1e-3, torchtest.Tolerance(torch.CUDA(0), 1e-3), 0)
}
