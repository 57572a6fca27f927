// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"fmt"
	"net"
	"strconv"
)

// World says which process this is, and where the others meet.
type World struct {
	Rank, Size int // 0 ≤ Rank < Size
	// LocalRank counts the processes of one machine, from 0; -1 where nobody has said it. It
	// is the CUDA device to use.
	LocalRank int
	// MasterAddr and MasterPort are where the store is. Rank 0 runs it, if AgentStore is
	// false; else torchrun does.
	MasterAddr string
	MasterPort int
	AgentStore bool
	// Attempt counts torchrun's restarts, from 0. Each has its own keys in the store.
	Attempt int
	// Source names who has said all this: "torchrun", "Slurm", "Open MPI", "PMI", or "nobody"
	// for one process alone.
	Source string
}

// String returns a text such as "rank 1 of 4 (torchrun: RANK, WORLD_SIZE)".
func (w World) String() string {
	for _, l := range launchers {
		if l.name == w.Source {
			return fmt.Sprintf("rank %d of %d (%s: %s, %s)", w.Rank, w.Size, l.name, l.rank, l.size)
		}
	}
	return fmt.Sprintf("rank %d of %d", w.Rank, w.Size)
}

func (w World) check() error {
	if w.Size < 1 || w.Rank < 0 || w.Rank >= w.Size {
		return fmt.Errorf("dist: World: there is no rank %d among %d", w.Rank, w.Size)
	}
	if w.Size > 1 && (w.MasterAddr == "" || w.MasterPort < 1 || w.MasterPort > 65535) {
		return fmt.Errorf("dist: World: MasterAddr %q and MasterPort %d name no place for the store; a port is from 1 to 65535", w.MasterAddr, w.MasterPort)
	}
	return nil
}

func (w World) store() string { return net.JoinHostPort(w.MasterAddr, strconv.Itoa(w.MasterPort)) }

// launchers lists who starts processes, the first before the others, their variables, and what
// starts them all with MASTER_ADDR and MASTER_PORT.
var launchers = []struct{ name, rank, size, local, start string }{
	{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "torchrun or `etude launch`, which set them"},
	// Before Slurm, whose variables what mpirun starts in a job inherits, all with the same rank.
	{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "mpirun -x MASTER_ADDR -x MASTER_PORT"},
	{"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "srun after exporting them; a batch script itself is one process"},
	{"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "mpiexec after exporting them"},
}

// FromEnvironment reads a World from variables, os.Getenv's or others. The first launcher
// that has set its rank is taken: torchrun (or PyTorch's env://), Open MPI, Slurm, PMI. One
// launcher's variables are never completed with another's. All of them need MASTER_ADDR and
// MASTER_PORT if there is more than one process. Without a launcher there is one process, as in a
// batch script of Slurm's without --ntasks, which has a rank and no size.
func FromEnvironment(getenv func(string) string) (World, error) {
	w := World{Size: 1, LocalRank: 0, Source: "nobody"}
	number := func(name string, least, most int) (int, error) {
		n, err := strconv.Atoi(getenv(name))
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("dist: the variable %s is %q; it has to be a number from %d to %d", name, getenv(name), least, most)
		}
		return n, nil
	}
	const huge = 1 << 30
	var help string
	for _, l := range launchers {
		if getenv(l.rank) == "" || l.name == "Slurm" && getenv(l.size) == "" {
			if l.name == "torchrun" && getenv(l.size) != "" {
				return w, fmt.Errorf("dist: %s is set and %s is not: set both, or neither", l.size, l.rank)
			}
			continue
		}
		var err error
		if w.Size, err = number(l.size, 1, huge); err != nil {
			return w, err
		}
		if w.Rank, err = number(l.rank, 0, w.Size-1); err != nil {
			return w, err
		}
		w.LocalRank = -1
		if getenv(l.local) != "" {
			if w.LocalRank, err = number(l.local, 0, huge); err != nil {
				return w, err
			}
		}
		w.Source = l.name
		help = fmt.Sprintf("start the processes with %s; or unset %s and %s for one process alone", l.start, l.rank, l.size)
		break
	}
	if w.Size == 1 {
		return w, nil
	}
	w.MasterAddr = getenv("MASTER_ADDR")
	if w.MasterAddr == "" || getenv("MASTER_PORT") == "" {
		return w, fmt.Errorf("dist: %v: MASTER_ADDR and MASTER_PORT are not both set: they name a machine and a free port of it, the same for all processes, where rank 0 waits for the others: %s", w, help)
	}
	var err error
	if w.MasterPort, err = number("MASTER_PORT", 1, 65535); err != nil || w.Source != "torchrun" {
		return w, err
	}
	w.AgentStore = getenv("TORCHELASTIC_USE_AGENT_STORE") == "True"
	if getenv("TORCHELASTIC_RESTART_COUNT") != "" {
		w.Attempt, err = number("TORCHELASTIC_RESTART_COUNT", 0, huge)
	}
	return w, err
}
