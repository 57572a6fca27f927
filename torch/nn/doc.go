// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package nn holds layers, losses and the walk over a network's parameters.
//
// A network is a plain struct with layers in exported fields and a Forward
// method; there is no base type to embed and nothing to register:
//
//	type Swing struct {
//		FC1 *nn.Linear
//		Out *nn.Linear `torch:"fc2"`
//	}
//
//	func (m *Swing) Forward(x *torch.Tensor) *torch.Tensor {
//		return m.Out.Forward(m.FC1.Forward(x).Tanh()).Tanh()
//	}
//
// # Layers
//
// Names, settings and defaults are PyTorch's. A layer is made by a function that takes
// the sizes, the device for parameters, and settings; where a setting of zero means
// something, they start from a function such as [DefaultLayerNorm]. A layer without
// parameters and with harmless zeros is a struct to write down: ReLU{}, Softmax{Dim: 1}.
// Where Python has a class for each number of dimensions, there is one type here, with
// functions such as [NewConv1d], [NewConv2d] and [NewConv3d]; sizes are then a list with
// a number for each dimension, or one for all.
//
//   - Convolutions: [Conv], [ConvTranspose], [Fold], [Unfold].
//   - Pools: [AvgPool], [MaxPool], [MaxUnpool], [LPPool], [AdaptiveAvgPool],
//     [AdaptiveMaxPool], [FractionalMaxPool].
//   - Padding: [Pad].
//   - Normalisation: [BatchNorm], [InstanceNorm], [GroupNorm], [LayerNorm], [RMSNorm],
//     [LocalResponseNorm], [CrossMapLRN2d].
//   - Activations: [ReLU], [LeakyReLU], [PReLU], [ELU], [GELU], [SiLU], [Softplus], [GLU],
//     [Softmax] and others.
//   - Dropout: [Dropout], [ChannelDropout], [AlphaDropout].
//   - Shapes and images: [Flatten], [Unflatten], [Upsample], [PixelShuffle],
//     [ChannelShuffle], [Identity].
//   - Distances: [CosineSimilarity], [PairwiseDistance].
//
// # Losses
//
// A loss is a function with PyTorch's defaults, such as [CrossEntropyLoss], and a struct of
// its settings with a method Loss, such as [CrossEntropy].
//
//   - Numbers: [MSE], [L1], [SmoothL1], [Huber].
//   - Likelihoods: [BCE], [BCEWithLogits], [KLDiv], [PoissonNLL], [GaussianNLL].
//   - Classes: [CrossEntropy], [NLL], [LinearCrossEntropy], [AdaptiveLogSoftmaxWithLoss],
//     [MultiMargin], [MultiLabelMargin], [MultiLabelSoftMargin], [SoftMargin].
//   - Pairs and triplets: [CosineEmbedding], [HingeEmbedding], [MarginRanking],
//     [TripletMargin], [TripletMarginWithDistance].
//   - Sequences: [CTC].
//
// # Names
//
// [NamedParameters] and [StateDict] name tensors as PyTorch does, by the path of
// attributes: fc1.weight, fc1.bias, fc2.weight. Exported fields count, in snake
// case: FC1 is fc1, LayerNorm1 is layer_norm1, LSTM is lstm. They come in the order
// of their declaration, a module's own tensors before its layers. A tag says
// otherwise:
//
//	Out  *Linear       `torch:"fc2"`          // another name
//	Mean *torch.Tensor `torch:",buffer"`      // in the state, but not a parameter
//	Old  *Linear       `torch:"-"`            // not part of the network
//
// A field that is not exported must not hold tensors or modules: its values would
// take part in the computation, but be neither trained nor saved. The walk panics and
// names the field; the tag "-" says that it is meant. It sees through pointers,
// interfaces, structs, embedded ones too, slices, arrays and the values of maps. What
// a func has captured, and values of packages such as sync, cannot be seen.
//
// Fields of type *torch.Tensor are parameters; structs, pointers and interfaces are
// followed, embedded structs (of exported types) without adding a name; entries of slices, arrays and a [Sequential]
// are numbered (layers.0.weight). Nil fields are left out. A layer whose names
// the fields cannot give has a NamedTensors method, as [LSTM] does.
//
// # Training mode
//
// A layer that computes something else in training has an exported field Training,
// which [SetTraining] sets. A network that wants to decide about it has a method of
// this name, see [TrainingMode].
//
// # Initial values
//
// Layers draw their initial values as PyTorch's do, in the same order: after
// torch.ManualSeed(s), layers built in the order in which a Python module builds
// them hold the same numbers, bit for bit, as after torch.manual_seed(s). The
// numbers are always drawn on the CPU and then moved, so they do not depend on
// the device; in Python this is a module built on the CPU and moved by .to().
// Parameters belong to no [torch.Scope]. Functions such as [KaimingNormal], [Orthogonal] and
// [TruncNormal] fill them otherwise, as those of torch.nn.init do.
//
// # Tied, frozen and computed weights
//
// Two layers share a weight if both have the same tensor in their fields; the optimizer
// sees it once. [Freeze] leaves parameters out of training by name. [WeightNorm] and
// [SpectralNorm] compute the weight of a layer from other parameters. [Clone] copies a
// network, and [Summary] lists its layers, shapes and parameters.
//
// # Errors
//
// As all operations on tensors do, layers and losses panic with *torch.Error.
package nn
