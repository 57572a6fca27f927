// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package dist lets several processes, on one machine or many, train one network together.
// The engine is libtorch's c10d, which torch.distributed in Python uses too: a TCPStore, Gloo
// for tensors on the CPU, NCCL on CUDA, and the Reducer of DistributedDataParallel. So a
// process of Go's and one of Python's can be in one group.
// Run.Group of package trainer needs only [Init].
//
// Each process calls [Init], which reads from the environment which of how many it is, as
// torchrun, Slurm, MPI or [Launch] have set it, and computes with its own part of each batch:
//
//	group, err := dist.Init(ctx, dist.Options{Timeout: time.Minute})
//	…
//	defer group.Close()
//	ddp, err := dist.NewDistributedDataParallel(group, net, dist.DistributedDataParallelOptions{})
//	…
//	for … {
//		err = ddp.PrepareForForward()
//		…
//		loss := nn.MSELoss(net.Forward(x), y)
//		err = ddp.Backward(loss)
//		…
//		optimizer.Step()
//	}
//
// All processes have to make the same calls in the same order. If one of them dies, stops or
// makes a mistake, the others get an error within the timeout that names its rank and its
// address. Afterwards the group is of no more use: save nothing new, end with an exit code
// that is not 0, and let torchrun --max-restarts or the cluster start all of them again. All of
// them end, too, when a torchrun that runs their store is killed.
//
// A group trusts its network, as PyTorch's does: whoever reaches the ports of its processes
// can read and change what they exchange.
//
// NCCL is compiled and loaded, and has not run yet.
package dist
