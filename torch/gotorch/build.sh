#!/usr/bin/env bash
# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
#
# Compiles GoTorch's C++ for a libtorch: bash build.sh LIBTORCH DIR makes
# DIR/libcgotorch.so, unless it is there. LIBTORCH holds lib and include.
set -euo pipefail
libtorch=$1 dir=$2 here=$(cd "$(dirname "$0")" && pwd)
go mod download github.com/wangkuiyi/gotorch
gotorch=$(go list -m -f '{{.Dir}}' github.com/wangkuiyi/gotorch)

of=$(echo "$gotorch" && ls -lL "$libtorch/lib/libtorch_cpu.so" && cksum "$here"/{build.sh,cpp/*})
[[ ! -e $dir/libcgotorch.so || $of != "$(cat "$dir/made-of" 2> /dev/null)" ]] || exit 0
mkdir -p "$dir"
echo "compiling GoTorch's C++ …"
# GoTorch's files are compiled as one, because most of the time goes into libtorch's headers.
# The flags are the bridge's: with --disable-new-dtags this libtorch wins over another
# one on LD_LIBRARY_PATH.
printf '#include "%s"\n' "$gotorch"/cgotorch/*.cc |
  "${CXX:-g++}" -std=c++20 -O1 -DNDEBUG -D_GLIBCXX_USE_CXX11_ABI=1 -fPIC -DTensor_Close=Tensor_Delete \
    -I "$gotorch" -I "$libtorch/include" -I "$libtorch/include/torch/csrc/api/include" \
    -x c++ - "$here"/cpp/close.cpp -shared -o "$dir/libcgotorch.so.new" \
    -L "$libtorch/lib" -Xlinker -rpath -Xlinker "$libtorch/lib" -Wl,--disable-new-dtags -ltorch_cpu -lc10
mv "$dir/libcgotorch.so.new" "$dir/libcgotorch.so"
# GoTorch's own flags name these, too. libtorch.so of all wants CUDA even where there is none.
for name in c10 torch torch_cpu; do
  echo 'INPUT(-lcgotorch)' > "$dir/lib$name.so"
done
echo "$of" > "$dir/made-of"
