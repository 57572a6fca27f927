// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

var dataTypes = map[torch.DType]pb.DataType{
	torch.Float32: pb.Float, torch.Float64: pb.Double, torch.Float16: pb.Float16, torch.BFloat16: pb.BFloat16,
	torch.Int64: pb.Int64, torch.Int32: pb.Int32, torch.Int16: pb.Int16, torch.Int8: pb.Int8,
	torch.UInt8: pb.Uint8, torch.Bool: pb.Bool,
	torch.UInt16: pb.Uint16, torch.UInt32: pb.Uint32, torch.UInt64: pb.Uint64,
}
