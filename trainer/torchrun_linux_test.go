// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// worker is a rank that torchrun has started.
type worker struct {
	pid  int
	logs string // what it writes to stderr
}

func (w worker) said() string {
	text, _ := os.ReadFile(w.logs)
	return string(text)
}

var phases = regexp.MustCompile(`(?m)^phase: (\w+) ?(.*)\n`)

// phase returns what the process did last.
func (w worker) phase() string {
	all := phases.FindAllStringSubmatch(w.said(), -1)
	return all[len(all)-1][1]
}

// epochs returns the epochs of which it has trained steps.
func (w worker) epochs(t *testing.T) (list []int) {
	for _, p := range phases.FindAllStringSubmatch(w.said(), -1) {
		if p[1] == "trained" {
			epoch, err := strconv.Atoi(p[2])
			require.NoError(t, err)
			list = append(list, epoch)
		}
	}
	return list
}

// exists reports whether the process runs or stands still.
func (w worker) exists() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// torchrun is Python's, with two ranks of this program.
type torchrun struct {
	*torchtest.Process
	logs string
}

func startTorchrun(t *testing.T, dir string) torchrun {
	r := torchrun{logs: t.TempDir()}
	cmd := child(dir)
	cmd.Path = filepath.Join(filepath.Dir(torchtest.Python(t)), "torchrun")
	cmd.Args = []string{cmd.Path, "--standalone", "--nproc-per-node=2", "--max-restarts=3", "--redirects=2", "--log-dir=" + r.logs, "--no-python", os.Args[0]}
	r.Process = torchtest.Start(t, cmd, nil)
	return r
}

// worker returns a rank once it runs; false if torchrun ends before.
func (r torchrun) worker(t *testing.T, attempt, rank int) (w worker, ok bool) {
	r.Until(t, 2*time.Minute, func() bool {
		found, err := filepath.Glob(filepath.Join(r.logs, "*", fmt.Sprintf("attempt_%d/%d/stderr.log", attempt, rank)))
		require.NoError(t, err)
		if len(found) == 0 {
			return false
		}
		w.logs = found[0]
		_, err = fmt.Sscanf(w.said(), "phase: start %d\n", &w.pid)
		ok = err == nil
		return ok
	})
	return w, ok
}

const rankKills = "ETUDE_TEST_RANK_KILLS"

// Under torchrun a rank is killed, or stands still, at any moment. The other one ends soon and
// says which is gone, torchrun starts both again, and the run goes on from its last checkpoint
// and ends with the bits of one that nothing has happened to.
// The variable sets the number of times, and lets the time be judged.
func TestTorchrunGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes one after another, which takes long with the race detector and shows it nothing")
	}
	torchtest.Need(t)
	t.Parallel()
	whole := t.TempDir()
	undisturbed := startGroup(t, 2, whole)
	began := time.Now()
	for _, p := range undisturbed {
		require.Equal(t, 0, p.End(), p.Said())
	}
	length, want := time.Since(began), files(t, whole)
	for signal, times := range map[syscall.Signal]int{syscall.SIGKILL: 3, syscall.SIGSTOP: 1} {
		t.Run(signal.String(), func(t *testing.T) {
			if n, err := strconv.Atoi(os.Getenv(rankKills)); err == nil {
				times = n
			}
			random := rand.New(rand.NewPCG(244, uint64(signal)))
			var waits []time.Duration
			at := map[string]int{}
			for runs := 0; len(waits) < times; runs++ {
				dir := t.TempDir()
				r := startTorchrun(t, dir)
				trained := 0
				for attempt := 0; attempt < 4; attempt++ {
					victim, delay := random.IntN(2), time.Duration(random.Int64N(int64(length)))
					if attempt%2 == 1 {
						delay /= 8 // while they meet
					}
					v, ok := r.worker(t, attempt, victim)
					if !ok {
						break
					}
					if attempt < 3 && len(waits) < times {
						time.Sleep(delay)
					} else {
						r.End()
					}
					if r.Ended() || syscall.Kill(v.pid, signal) != nil {
						break
					}
					struck := time.Now()
					o, ok := r.worker(t, attempt, 1-victim)
					require.True(t, ok, r.Said())
					r.Until(t, time.Minute, func() bool { return !o.exists() })
					wait := time.Since(struck)
					waits = append(waits, wait)
					at[v.phase()]++
					says := phases.ReplaceAllString(o.said(), "")
					t.Logf("torchrun %d, attempt %d: rank %d: %v after %v, %s. rank %d ended %v later, %s: %s", runs, attempt, victim, signal, delay, v.phase(), 1-victim, wait, o.phase(), says)
					most := 30 * time.Second // then torchrun kills it
					if os.Getenv(rankKills) != "" {
						most = 5 * time.Second // where nothing else uses the machine
					}
					if signal == syscall.SIGSTOP {
						most += groupTimeout
					}
					assert.Less(t, wait, most)
					switch name := fmt.Sprint("rank ", victim); {
					case o.phase() == "done":
						assert.Contains(t, []string{"saving", "done"}, v.phase(), "it has ended without the other")
					case o.phase() == "start" && says == "": // torchrun has ended it before it could say anything
					case v.phase() == "start" || v.phase() == "joining":
						assert.Regexp(t, name+` (did not come|\(127\.0\.0\.1:\d+\) does not answer)`, says)
					default:
						assert.Regexp(t, name+` \(127\.0\.0\.1:\d+\) does not answer`, says)
					}
					if o.phase() == "done" || len(waits)%2 == 1 {
						_ = syscall.Kill(v.pid, syscall.SIGCONT) // otherwise torchrun kills it after 30 seconds
					}
					if e := append(v.epochs(t), o.epochs(t)...); e != nil {
						// The save of the last epoch but one may not have ended.
						assert.GreaterOrEqual(t, slices.Min(e), trained-2, "it has not gone on from the last checkpoint")
						trained = slices.Max(e)
					}
				}
				require.Equal(t, 0, r.End(), r.Said())
				requireSameFiles(t, want, files(t, dir))
			}
			slices.Sort(waits)
			t.Logf("%d times: the other rank ended after %v (median) and %v (most); phases: %v", len(waits), waits[len(waits)/2], waits[len(waits)-1], at)
		})
	}
}

// When torchrun itself is killed, its processes end.
func TestTorchrunIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes one after another, which takes long with the race detector and shows it nothing")
	}
	torchtest.Need(t)
	t.Parallel()
	dir := t.TempDir()
	r := startTorchrun(t, dir)
	var list []worker
	for rank := range 2 {
		w, ok := r.worker(t, 0, rank)
		require.True(t, ok, r.Said())
		list = append(list, w)
		r.Until(t, time.Minute, func() bool { return w.phase() == "trained" })
	}
	require.NoError(t, r.Process.Process.Kill())
	for rank, w := range list {
		assert.Eventually(t, func() bool { return !w.exists() }, 5*time.Second, time.Millisecond)
		// The one that finds it out last may be told by the other one.
		assert.Regexp(t, fmt.Sprintf(`(: the group is of no more use|: rank %d \(127\.0\.0\.1:\d+\) gave up): torchrun, which ran the store at localhost:\d+, has ended`, 1-rank), w.said())
	}
	checkWhole(t, dir)
}

// requireSameFiles compares what files returns, and names what differs.
func requireSameFiles(t *testing.T, want, got map[string]any) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for name, content := range want {
		if content, ok := content.(map[string]any); ok {
			for path, value := range content {
				require.Equal(t, value, got[name].(map[string]any)[path], "%s: %s", name, path)
			}
		}
		require.True(t, reflect.DeepEqual(content, got[name]), name)
	}
}
