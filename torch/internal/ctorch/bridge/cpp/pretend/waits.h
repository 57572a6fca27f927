// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Operators whose CUDA kernels make the host wait, most often because the size
// of their result depends on values. Their CPU kernels, which the pretend
// accelerator runs, show nothing of it. The list was put together from PyTorch's
// sources (aten/src/ATen/native, and native/cuda) and from what
// torch.cuda.set_sync_debug_mode is said to find. Operators that PyTorch composes
// of others (item, is_nonzero, allclose, index by a mask, linalg_inv …) need
// no entry: the read inside them is seen.
#ifndef ETUDE_PRETEND_WAITS_H
#define ETUDE_PRETEND_WAITS_H

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <string>
#include <unordered_map>

namespace etude {

using Arguments = c10::ArrayRef<c10::IValue>;
using Condition = bool (*)(Arguments);

inline bool always(Arguments) { return true; }

// A mask among the indices, but where it picks what one number of the CPU fills.
inline bool by_mask(Arguments a) {
  bool mask = false;
  for (const std::optional<at::Tensor>& t : a[1].toOptionalTensorList())
    mask |= t && (t->scalar_type() == at::kBool || t->scalar_type() == at::kByte);
  if (!mask || a.size() < 3 || !a[2].isTensor()) return mask;
  const auto& value = a[2].toTensor();
  return !(value.numel() == 1 && value.is_cpu());
}

// A filling value that lies on the device.
template <int at_position>
bool value_on_device(Arguments a) {
  return a[at_position].isTensor() && !a[at_position].toTensor().is_cpu();
}

inline bool without_output_size(Arguments a) { return a.back().isNone(); }

inline bool without_range(Arguments a) {
  return a[2].toScalar().toDouble() == a[3].toScalar().toDouble();
}

// Longer than what one block of threads sorts.
inline bool of_long_rows(Arguments a) {
  const auto& t = a[0].toTensor();
  return t.dim() > 0 && t.size(a[1].toInt()) > 2048;
}

// By the operator's name, with its overload or for all of them.
inline const std::unordered_map<std::string, Condition>& waiting() {
  static const std::unordered_map<std::string, Condition> list = {
      {"aten::nonzero", always},  // how many there are
      {"aten::masked_select", always},
      {"aten::index_put", by_mask},
      {"aten::index_put_", by_mask},
      {"aten::_index_put_impl_", by_mask},
      {"aten::_unique", always},
      {"aten::_unique2", always},
      {"aten::unique_dim", always},
      {"aten::unique_consecutive", always},
      {"aten::unique_dim_consecutive", always},
      {"aten::repeat_interleave.Tensor", without_output_size},
      {"aten::bincount", always},  // the largest value
      {"aten::histc", without_range},
      {"aten::mode", of_long_rows},
      {"aten::equal", always},  // the answer is the host's
      {"aten::multinomial", always},  // checks of the probabilities
      {"aten::normal.float_Tensor", always},  // checks of the deviations
      {"aten::normal.Tensor_Tensor", always},
      {"aten::masked_fill.Tensor", value_on_device<2>},
      {"aten::masked_fill_.Tensor", value_on_device<2>},
      {"aten::index_fill.int_Tensor", value_on_device<3>},
      {"aten::index_fill_.int_Tensor", value_on_device<3>},
      {"aten::embedding_renorm_", always},  // the different indices
      {"aten::_ctc_loss.Tensor", always},  // the lengths
      {"aten::linalg_eig", always},  // computed by the host
      {"aten::_linalg_eigvals", always},
  };
  return list;
}

// Whether the host would wait inside op.
inline bool waits(const c10::OperatorHandle& op, Arguments arguments) {
  const auto& list = waiting();
  const auto& name = op.schema().name();
  auto found = list.find(name + "." + op.schema().overload_name());
  if (found == list.end()) found = list.find(name);
  return found != list.end() && found->second(arguments);
}

}  // namespace etude

#endif
