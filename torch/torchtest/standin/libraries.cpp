// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// cuBLAS and cuDNN. cuDNN's own descriptors of tensors work without a GPU.

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cudnn.h>

#include <cstdlib>
#include <map>
#include <mutex>

#include "standin.h"

namespace {

std::mutex mutex;
std::map<void*, cudaStream_t> streams;  // of the handles

template <class Handle>
bool make(Handle* h) {
  if (standin::forbidden()) return false;
  *h = static_cast<Handle>(malloc(1));
  return true;
}

void put(void* handle, cudaStream_t s) {
  std::lock_guard<std::mutex> lock(mutex);
  streams[handle] = s;
}

cudaStream_t stream(void* handle) {
  std::lock_guard<std::mutex> lock(mutex);
  return streams[handle];
}

// An LSTM as cuDNN lays it out: the matrices of all layers, then the biases of all. A
// direction counts as a layer.
struct LSTM {
  int in, hidden, layers, directions;

  size_t width(int layer) const { return layer < directions ? in : hidden * directions; }
  size_t matrices(int layer) const {  // where a layer's begin
    size_t n = 0;
    for (int l = 0; l < layer; l++) n += 4 * hidden * (width(l) + hidden);
    return n;
  }
  size_t biases(int layer) const { return matrices(layers) + 8 * hidden * layer; }
};
std::map<void*, LSTM> lstms;

}  // namespace

STANDIN cublasStatus_t cublasCreate_v2(cublasHandle_t* h) {
  return make(h) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}
STANDIN cublasStatus_t cublasSetStream_v2(cublasHandle_t h, cudaStream_t s) {
  return put(h, s), CUBLAS_STATUS_SUCCESS;
}
STANDIN cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t, void*, size_t) { return CUBLAS_STATUS_SUCCESS; }
STANDIN cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }
STANDIN cublasStatus_t cublasSgemm_v2(cublasHandle_t h, cublasOperation_t, cublasOperation_t, int, int, int,
                                      const float*, const float*, int, const float*, int, const float*, float*,
                                      int) {  // libtorch 2.11 calls this one
  return standin::give("product", stream(h)), CUBLAS_STATUS_SUCCESS;
}
STANDIN cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t, cublasOperation_t, int, int, int,
                                    const void*, const void*, cudaDataType, int, const void*, cudaDataType, int,
                                    const void*, void*, cudaDataType, int, cublasComputeType_t, cublasGemmAlgo_t) {
  return standin::give("product", stream(h)), CUBLAS_STATUS_SUCCESS;
}
STANDIN cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t,
                                                      cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                                      cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                                      cublasLtMatmulPreference_t, int,
                                                      cublasLtMatmulHeuristicResult_t* found, int* n) {
  *found = {};
  *n = 1;
  return CUBLAS_STATUS_SUCCESS;
}
STANDIN cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*, const void*,
                                      cublasLtMatrixLayout_t, const void*, cublasLtMatrixLayout_t, const void*,
                                      const void*, cublasLtMatrixLayout_t, void*, cublasLtMatrixLayout_t,
                                      const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t s) {
  return standin::give("product", s), CUBLAS_STATUS_SUCCESS;
}

STANDIN cudnnStatus_t cudnnCreate(cudnnHandle_t* h) {
  return make(h) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR;
}
STANDIN cudnnStatus_t cudnnSetStream(cudnnHandle_t h, cudaStream_t s) { return put(h, s), CUDNN_STATUS_SUCCESS; }
STANDIN cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t, cudnnHandle_t, float, void*, size_t,
                                                unsigned long long) {
  return CUDNN_STATUS_SUCCESS;
}
STANDIN cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t d, cudnnRNNAlgo_t, cudnnRNNMode_t mode,
                                               cudnnRNNBiasMode_t, cudnnDirectionMode_t direction,
                                               cudnnRNNInputMode_t, cudnnDataType_t, cudnnDataType_t,
                                               cudnnMathType_t, int32_t in, int32_t hidden, int32_t,
                                               int32_t layers, cudnnDropoutDescriptor_t, uint32_t) {
  if (mode != CUDNN_LSTM) return CUDNN_STATUS_NOT_SUPPORTED;
  int directions = direction == CUDNN_BIDIRECTIONAL ? 2 : 1;
  lstms[d] = {in, hidden, layers * directions, directions};
  return CUDNN_STATUS_SUCCESS;
}
STANDIN cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t, cudnnRNNDescriptor_t d, size_t* bytes) {
  *bytes = lstms[d].biases(lstms[d].layers) * sizeof(float);
  return CUDNN_STATUS_SUCCESS;
}
// gate is 0 to 3 of those for the input, 4 to 7 of those for the state.
STANDIN cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t, cudnnRNNDescriptor_t d, int32_t layer, size_t,
                                              const void* block, int32_t gate, cudnnTensorDescriptor_t matrix,
                                              void** matrix_at, cudnnTensorDescriptor_t bias, void** bias_at) {
  const LSTM& l = lstms[d];
  auto* floats = static_cast<float*>(const_cast<void*>(block));
  int width = static_cast<int>(gate < 4 ? l.width(layer) : l.hidden);
  if (matrix) {
    size_t before = l.hidden * (gate < 4 ? gate * l.width(layer) : 4 * l.width(layer) + (gate - 4) * l.hidden);
    *matrix_at = floats + l.matrices(layer) + before;
    int size[] = {1, l.hidden, width}, stride[] = {l.hidden * width, width, 1};
    cudnnSetTensorNdDescriptor(matrix, CUDNN_DATA_FLOAT, 3, size, stride);
  }
  if (bias) {
    *bias_at = floats + l.biases(layer) + gate * l.hidden;
    int size[] = {1, l.hidden, 1}, stride[] = {l.hidden, 1, 1};
    cudnnSetTensorNdDescriptor(bias, CUDNN_DATA_FLOAT, 3, size, stride);
  }
  return CUDNN_STATUS_SUCCESS;
}
STANDIN cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t, cudnnRNNDescriptor_t, cudnnForwardMode_t,
                                                cudnnRNNDataDescriptor_t, size_t* work, size_t* reserve) {
  if (work) *work = 16;
  if (reserve) *reserve = 16;
  return CUDNN_STATUS_SUCCESS;
}
STANDIN cudnnStatus_t cudnnRNNForward(cudnnHandle_t h, cudnnRNNDescriptor_t, cudnnForwardMode_t, const int32_t[],
                                      cudnnRNNDataDescriptor_t, const void*, cudnnRNNDataDescriptor_t, void*,
                                      cudnnTensorDescriptor_t, const void*, void*, cudnnTensorDescriptor_t,
                                      const void*, void*, size_t, const void*, size_t, void*, size_t, void*) {
  return standin::give("lstm", stream(h)), CUDNN_STATUS_SUCCESS;
}
STANDIN cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t h, cudnnRNNDescriptor_t, const int32_t[],
                                              cudnnRNNDataDescriptor_t, const void*, const void*,
                                              cudnnRNNDataDescriptor_t, void*, cudnnTensorDescriptor_t,
                                              const void*, const void*, void*, cudnnTensorDescriptor_t,
                                              const void*, const void*, void*, size_t, const void*, size_t, void*,
                                              size_t, void*) {
  return standin::give("lstm", stream(h)), CUDNN_STATUS_SUCCESS;
}
STANDIN cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t h, cudnnRNNDescriptor_t, cudnnWgradMode_t,
                                                 const int32_t[], cudnnRNNDataDescriptor_t, const void*,
                                                 cudnnTensorDescriptor_t, const void*, cudnnRNNDataDescriptor_t,
                                                 const void*, size_t, void*, size_t, void*, size_t, void*) {
  return standin::give("lstm", stream(h)), CUDNN_STATUS_SUCCESS;
}
