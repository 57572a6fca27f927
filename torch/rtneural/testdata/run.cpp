// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Computes the networks of networks.json with RTNeural and writes its results into the
// file; "go test -run TestRTNeural -args -rewrite" writes the networks. It ran with
// RTNeural at commit 1fb1f07, whose backend with Eigen gives the same to 3e-16:
//
//   c++ -std=c++17 -O2 -DRTNEURAL_USE_STL=1 -DRTNEURAL_DEFAULT_ALIGNMENT=16 \
//       -DRTNEURAL_NAMESPACE=RTNeural -I RTNEURAL run.cpp -o run && ./run networks.json

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "RTNeural/RTNeural.h"

template <typename T>
static std::vector<std::vector<double>> run(const nlohmann::json &c) {
    auto model = RTNeural::json_parser::parseJson<T>(c.at("network"));
    model->reset();
    std::vector<std::vector<double>> results;
    for (const auto &frame : c.at("input")) {
        if (c.at("reset").get<bool>()) {
            model->reset();
        }
        auto x = frame.get<std::vector<T>>();
        model->forward(x.data());
        auto y = model->getOutputs();
        results.emplace_back(y, y + model->layers.back()->out_size);
    }
    return results;
}

int main(int, char **argv) {
    nlohmann::ordered_json cases;
    std::ifstream(argv[1]) >> cases;
    for (auto &c : cases) {
        nlohmann::json plain = c;
        auto exact = run<double>(plain), single = run<float>(plain);
        double difference = 0;
        for (size_t i = 0; i < exact.size(); i++) {
            for (size_t k = 0; k < exact[i].size(); k++) {
                difference = std::max(difference, std::abs(exact[i][k] - single[i][k]));
            }
        }
        std::printf("%s: float is within %.1e of double\n", c["name"].get<std::string>().c_str(), difference);
        c["output"] = exact;
    }
    std::ofstream(argv[1]) << cases.dump() << "\n";
}
