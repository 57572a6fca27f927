// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch"
)

func Example() {
	if err := torch.Init(); err != nil {
		fmt.Println(err) // it names the command that installs libtorch
		return
	}
	x := torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
	w := torch.Ones([]int{2, 2}).SetRequiresGrad(true)
	loss := x.Matmul(w).Sum()
	loss.Backward()
	fmt.Println(loss)
	fmt.Println(w.Grad())
	// Output:
	// tensor(20., grad_fn=<SumBackward0>)
	// tensor([[4., 4.],
	//         [6., 6.]])
}

// Everything made inside a scope is freed when it ends; Keep takes a tensor out.
func ExampleScope() {
	if torch.Init() != nil {
		return
	}
	var x, sum *torch.Tensor
	torch.Scope(func() {
		x = torch.Ones([]int{1000})
		sum = x.MulScalar(2).Sum().Keep()
	})
	fmt.Println(x.Closed(), sum.Item())
	sum.Close()
	// Output: true 2000
}

// Any operator of ATen, with its error at the edge.
func ExampleCall() {
	if torch.Init() != nil {
		return
	}
	x := torch.FromSlice([]int64{1, 2, 3, 4})
	fmt.Println(torch.Call("aten::roll", x, 1, 0).Tensor())

	err := torch.Try(func() { torch.Call("aten::roll", x, 1, 7) })
	var e *torch.Error
	if errors.As(err, &e) {
		fmt.Println(e.Op, e.Shapes)
	}
	// Output:
	// tensor([4, 1, 2, 3])
	// aten::roll [[4]]
}

func ExampleAutocast() {
	w := torch.Ones([]int{2, 2}).SetRequiresGrad(true)
	var y *torch.Tensor
	torch.Autocast(torch.CPU, torch.BFloat16, func() { y = w.Matmul(w) })
	y.Sum().Backward()
	fmt.Println(y.DType(), w.Grad().DType())
	// Output: bfloat16 float32
}

func ExampleNoGrad() {
	if torch.Init() != nil {
		return
	}
	w := torch.Ones([]int{2}).SetRequiresGrad(true)
	torch.NoGrad(func() { fmt.Println(w.MulScalar(3).RequiresGrad()) })
	fmt.Println(w.MulScalar(3).RequiresGrad())
	// Output:
	// false
	// true
}
