// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Tensors: references, elements, shape, gradients.

#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/function.h>

#include "guard.h"
#include "record.h"

namespace etude::tensor {

void tensors_free(const ct_tensor* tensors, int32_t n) {
  for (int32_t i = 0; i < n; i++)
    c10::raw::intrusive_ptr::decref(reinterpret_cast<at::TensorImpl*>(tensors[i]));
}

void tensor_retain(ct_tensor t) {
  c10::raw::intrusive_ptr::incref(reinterpret_cast<at::TensorImpl*>(t));
}

ct_tensor tensor_take(const void* at_tensor) {
  const auto& t = *static_cast<const at::Tensor*>(at_tensor);
  return t.defined() ? release(at::Tensor(t)) : 0;
}

void* tensor_give(ct_tensor t) { return new at::Tensor(borrow(t)); }

ct_error* tensor_from(const void* data, int64_t bytes, const int64_t* sizes, int32_t ndim,
                      int32_t dtype, ct_tensor* out, ct_result* result) {
  return work([&] {
    at::RecordFunctionGuard unseen(/*is_enabled=*/false);  // its values are from outside a step that is recorded
    auto t = at::empty(at::IntArrayRef(sizes, ndim), static_cast<at::ScalarType>(dtype));
    TORCH_CHECK(static_cast<int64_t>(t.nbytes()) == bytes, "wants ", t.nbytes(), " bytes, got ",
                bytes);
    if (bytes) memcpy(t.mutable_data_ptr(), data, bytes);
    *result = {1, current_scope(), bytes};
    *out = release(std::move(t));
  });
}

ct_error* tensor_read(ct_tensor t, void* dst, int64_t bytes) {
  return guard([&] {
    if (auto* r = record::Recorder::current()) r->refuse("the host reads the values of a tensor");
    auto x = borrow(t);
    TORCH_CHECK(!x.is_conj() && !x.is_neg(), "reads resolved tensors only");
    TORCH_CHECK(x.device().is_cpu() && x.is_contiguous(),
                "reads contiguous CPU tensors only, got one on ", x.device());
    TORCH_CHECK(static_cast<int64_t>(x.nbytes()) == bytes, "has ", x.nbytes(), " bytes, not ",
                bytes);
    if (!bytes) return;
    if (x._is_zerotensor()) {  // it has no memory
      memset(dst, 0, bytes);
      return;
    }
    TORCH_CHECK(x.has_storage() && x.const_data_ptr(), "the tensor has no memory to read");
    memcpy(dst, x.const_data_ptr(), bytes);
  });
}

ct_error* tensor_info(ct_tensor t, ct_info* info, int64_t* sizes, int64_t* strides,
                      int32_t capacity) {
  return guard([&] {
    auto x = borrow(t);
    bool strided = x.layout() == c10::kStrided;
    *info = {};
    info->dtype = static_cast<int32_t>(x.scalar_type());
    info->device_type = static_cast<int32_t>(x.device().type());
    info->device_index = x.device().index();
    info->ndim = static_cast<int32_t>(x.dim());
    info->itemsize = static_cast<int32_t>(x.dtype().itemsize());
    info->numel = x.numel();
    info->flags = (x.is_leaf() ? CT_IS_LEAF : 0) | (x.requires_grad() ? CT_REQUIRES_GRAD : 0) |
                  (strided && x.is_contiguous() ? CT_IS_CONTIGUOUS : 0) |
                  (strided ? CT_IS_STRIDED : 0) | (x.is_conj() || x.is_neg() ? CT_IS_LAZY : 0);
    if (x.has_storage()) {
      info->storage_offset = x.storage_offset();
      info->storage = reinterpret_cast<uint64_t>(x.storage().unsafeGetStorageImpl());
      info->storage_bytes = static_cast<int64_t>(x.storage().nbytes());
    }
    for (int32_t i = 0; i < info->ndim && i < capacity; i++) {
      sizes[i] = x.size(i);
      strides[i] = strided ? x.stride(i) : 0;
    }
  });
}

ct_error* grad_fn(ct_tensor t, char** name) {
  return work([&] {
    *name = nullptr;
    if (auto node = borrow(t).grad_fn()) *name = strdup(node->name().c_str());
  });
}

ct_error* set_requires_grad(ct_tensor t, int32_t on) {
  return guard([&] { borrow(t).set_requires_grad(on != 0); });
}

ct_error* grad(ct_tensor t, ct_tensor* out, ct_result* result) {
  return work([&] {
    at::Tensor g = borrow(t).grad();
    *result = {g.defined(), current_scope(), 0};
    *out = g.defined() ? release(std::move(g)) : 0;
  });
}

ct_error* set_grad(ct_tensor t, ct_tensor grad) {
  return guard([&] {
    auto x = borrow(t);
    if (!grad) {
      x.mutable_grad().reset();
      return;
    }
    auto g = borrow(grad);
    TORCH_CHECK(g.sizes() == x.sizes(), "a gradient of shape ", g.sizes(), " for a tensor of shape ",
                x.sizes());
    TORCH_CHECK(g.device() == x.device(), "a gradient on ", g.device(), " for a tensor on ",
                x.device());
    TORCH_CHECK(g.scalar_type() == x.scalar_type(), "a gradient of type ", g.scalar_type(),
                " for a tensor of type ", x.scalar_type());
    x.mutable_grad() = g;
  });
}

ct_error* clear_grads(const ct_tensor* tensors, int32_t n) {
  return guard([&] {
    for (int32_t i = 0; i < n; i++) borrow(tensors[i]).mutable_grad().reset();
  });
}

ct_error* backward(ct_tensor t, ct_tensor gradient, int32_t retain_graph, int32_t create_graph) {
  return work([&] {
    at::Tensor g;
    if (gradient) g = borrow(gradient);
    borrow(t).backward(g, retain_graph != 0, create_graph != 0);
  });
}

}  // namespace etude::tensor
