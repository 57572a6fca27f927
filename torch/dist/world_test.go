// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/dist"
)

func TestFromEnvironment(t *testing.T) {
	for env, want := range map[string]struct {
		world dist.World
		text  string
		fails string
	}{
		"": {dist.World{Size: 1, Source: "nobody"}, "rank 0 of 1", ""},
		"RANK=1 WORLD_SIZE=4 LOCAL_RANK=1 MASTER_ADDR=h MASTER_PORT=29500 SLURM_PROCID=3 SLURM_NTASKS=9": {
			dist.World{Rank: 1, Size: 4, LocalRank: 1, MasterAddr: "h", MasterPort: 29500, Source: "torchrun"}, "rank 1 of 4 (torchrun: RANK, WORLD_SIZE)", "",
		},
		"RANK=0 WORLD_SIZE=2 MASTER_ADDR=h MASTER_PORT=1 TORCHELASTIC_USE_AGENT_STORE=True TORCHELASTIC_RESTART_COUNT=3": {
			dist.World{Size: 2, LocalRank: -1, MasterAddr: "h", MasterPort: 1, AgentStore: true, Attempt: 3, Source: "torchrun"}, "rank 0 of 2 (torchrun: RANK, WORLD_SIZE)", "",
		},
		"SLURM_PROCID=2 SLURM_NTASKS=3 SLURM_LOCALID=0 MASTER_ADDR=h MASTER_PORT=7 TORCHELASTIC_USE_AGENT_STORE=True": {
			dist.World{Rank: 2, Size: 3, MasterAddr: "h", MasterPort: 7, Source: "Slurm"}, "rank 2 of 3 (Slurm: SLURM_PROCID, SLURM_NTASKS)", "",
		},
		"OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 SLURM_PROCID=0 SLURM_NTASKS=2 PMI_RANK=0 PMI_SIZE=2 MASTER_ADDR=h MASTER_PORT=7": {
			dist.World{Rank: 1, Size: 2, LocalRank: 1, MasterAddr: "h", MasterPort: 7, Source: "Open MPI"}, "rank 1 of 2 (Open MPI: OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE)", "",
		},
		"PMI_RANK=0 PMI_SIZE=2 MPI_LOCALRANKID=0 MASTER_ADDR=h MASTER_PORT=7": {
			dist.World{Size: 2, MasterAddr: "h", MasterPort: 7, Source: "PMI"}, "rank 0 of 2 (PMI: PMI_RANK, PMI_SIZE)", "",
		},
		"SLURM_NTASKS=8":                {dist.World{Size: 1, Source: "nobody"}, "rank 0 of 1", ""}, // salloc, without srun
		"SLURM_PROCID=0":                {dist.World{Size: 1, Source: "nobody"}, "rank 0 of 1", ""}, // a batch script without --ntasks
		"SLURM_PROCID=0 SLURM_NTASKS=1": {dist.World{Size: 1, LocalRank: -1, Source: "Slurm"}, "rank 0 of 1 (Slurm: SLURM_PROCID, SLURM_NTASKS)", ""},

		"RANK=1":                      {fails: `the variable WORLD_SIZE is ""; it has to be a number`},
		"WORLD_SIZE=2":                {fails: "WORLD_SIZE is set and RANK is not"},
		"RANK=2 WORLD_SIZE=2":         {fails: `the variable RANK is "2"; it has to be a number from 0 to 1`},
		"RANK=x WORLD_SIZE=2":         {fails: `the variable RANK is "x"`},
		"RANK=1 SLURM_NTASKS=2":       {fails: "WORLD_SIZE"}, // never one's rank and the other's size
		"SLURM_PROCID=0 WORLD_SIZE=2": {fails: "WORLD_SIZE is set and RANK is not"},
		"RANK=0 WORLD_SIZE=2 LOCAL_RANK=-1 MASTER_ADDR=h MASTER_PORT=7":                   {fails: "LOCAL_RANK"},
		"RANK=0 WORLD_SIZE=2 MASTER_ADDR=h":                                               {fails: "MASTER_ADDR and MASTER_PORT are not both set"},
		"SLURM_PROCID=0 SLURM_NTASKS=2":                                                   {fails: "start the processes with srun after exporting them; a batch script itself is one process; or unset SLURM_PROCID and SLURM_NTASKS for one process alone"},
		"RANK=0 WORLD_SIZE=2 MASTER_ADDR=h MASTER_PORT=70000":                             {fails: "MASTER_PORT"},
		"RANK=0 WORLD_SIZE=2 MASTER_ADDR=h MASTER_PORT=7 TORCHELASTIC_RESTART_COUNT=many": {fails: "TORCHELASTIC_RESTART_COUNT"},
	} {
		w, err := dist.FromEnvironment(func(name string) string {
			for _, pair := range strings.Fields(env) {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		})
		if want.fails != "" {
			assert.ErrorContains(t, err, want.fails, env)
			continue
		}
		require.NoError(t, err, env)
		assert.Equal(t, want.world, w, env)
		assert.Equal(t, want.text, w.String(), env)
	}
}
