// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

var normModules = moduleTable{
	"BatchNorm1d": func(c moduleCase) any {
		return nn.NewBatchNorm1d(c.int(0, "num_features", 0), torch.CPU, normConfig(c, nn.DefaultBatchNorm()))
	},
	"BatchNorm2d": func(c moduleCase) any {
		return nn.NewBatchNorm2d(c.int(0, "num_features", 0), torch.CPU, normConfig(c, nn.DefaultBatchNorm()))
	},
	"BatchNorm3d": func(c moduleCase) any {
		return nn.NewBatchNorm3d(c.int(0, "num_features", 0), torch.CPU, normConfig(c, nn.DefaultBatchNorm()))
	},
	"InstanceNorm1d": func(c moduleCase) any {
		return nn.NewInstanceNorm1d(c.int(0, "num_features", 0), torch.CPU, normConfig(c, nn.DefaultInstanceNorm()))
	},
	"InstanceNorm2d": func(c moduleCase) any {
		return nn.NewInstanceNorm2d(c.int(0, "num_features", 0), torch.CPU, normConfig(c, nn.DefaultInstanceNorm()))
	},
	"InstanceNorm3d": func(c moduleCase) any {
		return nn.NewInstanceNorm3d(c.int(0, "num_features", 0), torch.CPU, normConfig(c, nn.DefaultInstanceNorm()))
	},
	"GroupNorm": func(c moduleCase) any {
		return nn.NewGroupNorm(c.int(0, "num_groups", 0), c.int(1, "num_channels", 0), torch.CPU, nn.LayerNormConfig{
			Eps: c.float(2, "eps", nn.DefaultLayerNorm().Eps), NoAffine: !c.bool(3, "affine", true), NoBias: !c.bool(-1, "bias", true), DType: c.dtype,
		})
	},
	"RMSNorm": func(c moduleCase) any {
		config := nn.RMSNormConfig{NoAffine: !c.bool(2, "elementwise_affine", true), DType: c.dtype}
		if c.value(1, "eps") != nil {
			config.Eps = new(c.float(1, "eps", 0))
		}
		return nn.NewRMSNorm(c.ints(0, "normalized_shape"), torch.CPU, config)
	},
	"LocalResponseNorm": func(c moduleCase) any {
		l := nn.NewLocalResponseNorm(c.int(0, "size", 0))
		l.Alpha, l.Beta, l.K = c.float(1, "alpha", l.Alpha), c.float(2, "beta", l.Beta), c.float(3, "k", l.K)
		return l
	},
	"CrossMapLRN2d": func(c moduleCase) any {
		l := nn.NewCrossMapLRN2d(c.int(0, "size", 0))
		l.Alpha, l.Beta, l.K = c.float(1, "alpha", l.Alpha), c.float(2, "beta", l.Beta), c.float(3, "k", l.K)
		return l
	},
}

func normConfig(c moduleCase, config nn.NormConfig) nn.NormConfig {
	config.Eps, config.DType = c.float(1, "eps", config.Eps), c.dtype
	if len(c.args) > 2 && c.args[2] == nil {
		config.Momentum = nil
	} else {
		config.Momentum = new(c.float(2, "momentum", *config.Momentum))
	}
	config.Affine, config.TrackRunningStats = c.bool(3, "affine", config.Affine), c.bool(4, "track_running_stats", config.TrackRunningStats)
	config.Bias = c.bool(-1, "bias", true)
	return config
}

var padModules = moduleTable{
	"ConstantPad1d":    func(c moduleCase) any { return nn.NewConstantPad1d(c.ints(0, "padding"), c.float(1, "value", 0)) },
	"ConstantPad2d":    func(c moduleCase) any { return nn.NewConstantPad2d(c.ints(0, "padding"), c.float(1, "value", 0)) },
	"ConstantPad3d":    func(c moduleCase) any { return nn.NewConstantPad3d(c.ints(0, "padding"), c.float(1, "value", 0)) },
	"ZeroPad1d":        pad(nn.NewZeroPad1d),
	"ZeroPad2d":        pad(nn.NewZeroPad2d),
	"ZeroPad3d":        pad(nn.NewZeroPad3d),
	"ReflectionPad1d":  pad(nn.NewReflectionPad1d),
	"ReflectionPad2d":  pad(nn.NewReflectionPad2d),
	"ReflectionPad3d":  pad(nn.NewReflectionPad3d),
	"ReplicationPad1d": pad(nn.NewReplicationPad1d),
	"ReplicationPad2d": pad(nn.NewReplicationPad2d),
	"ReplicationPad3d": pad(nn.NewReplicationPad3d),
	"CircularPad1d":    pad(nn.NewCircularPad1d),
	"CircularPad2d":    pad(nn.NewCircularPad2d),
	"CircularPad3d":    pad(nn.NewCircularPad3d),
}

func pad(make func(padding []int) nn.Pad) func(moduleCase) any {
	return func(c moduleCase) any { return make(c.ints(0, "padding")) }
}
