// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Lets a network answer to a sound without Etude, libtorch or code for features: it runs the
// file of `etude export … --from-samples --with-readout` through ONNX Runtime's C API. Header
// and library, of one version, are in the releases of github.com/microsoft/onnxruntime:
//
//	c++ -std=c++17 -O2 main.cpp -I onnxruntime/include -L onnxruntime/lib -lonnxruntime -o answer
//	LD_LIBRARY_PATH=onnxruntime/lib ./answer plugin.onnx song.wav
//
// It prints the name of the output and its numbers: valence_arousal 0.42 0.71.

#include <onnxruntime_c_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

static const OrtApi* ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);

[[noreturn]] static void fail(const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
    std::exit(1);
}

static void check(OrtStatus* status) {
    if (status != nullptr) fail(ort->GetErrorMessage(status));
}

static uint32_t number(const std::string& bytes, size_t at, int size) {  // little-endian
    uint32_t n = 0;
    for (int i = size - 1; i >= 0; i--) n = n << 8 | static_cast<unsigned char>(bytes.at(at + i));
    return n;
}

// readWAV returns the samples of a 16-bit WAV file, full scale 1, its channels averaged. A
// sound of another rate has to be resampled first, as a plugin's host does.
static std::vector<float> readWAV(const std::string& path, unsigned rate) {
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (bytes.compare(0, 4, "RIFF") != 0 || bytes.size() < 12 || bytes.compare(8, 4, "WAVE") != 0) fail(path + ": not a WAV file");
    unsigned channels = 0;
    for (size_t at = 12; at + 8 <= bytes.size();) {
        const size_t size = number(bytes, at + 4, 4), begin = at + 8;
        if (begin + size > bytes.size()) break;
        if (bytes.compare(at, 4, "fmt ") == 0 && size >= 16) {
            channels = number(bytes, begin + 2, 2);
            if (number(bytes, begin, 2) != 1 || number(bytes, begin + 14, 2) != 16 || number(bytes, begin + 4, 4) != rate)
                fail(path + ": want 16-bit PCM at " + std::to_string(rate) + " Hz");
        } else if (bytes.compare(at, 4, "data") == 0 && channels > 0) {
            std::vector<float> samples(size / (2 * channels));
            for (size_t i = 0; i < samples.size(); i++) {
                for (unsigned c = 0; c < channels; c++)
                    samples[i] += static_cast<int16_t>(number(bytes, begin + 2 * (i * channels + c), 2)) / 32768.0F / channels;
            }
            return samples;
        }
        at = begin + size + size % 2;
    }
    fail(path + ": no sound in it");
}

int main(int argc, char** argv) {
    if (argc != 3) fail("answer MODEL.onnx SOUND.wav");
    if (ort == nullptr) fail("the library is older than the header");

    OrtEnv* env = nullptr;
    OrtSessionOptions* options = nullptr;
    OrtSession* session = nullptr;
    check(ort->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "answer", &env));
    check(ort->CreateSessionOptions(&options));
    check(ort->CreateSession(env, argv[1], options, &session));

    OrtAllocator* allocator = nullptr;
    char *input = nullptr, *output = nullptr;
    check(ort->GetAllocatorWithDefaultOptions(&allocator));
    check(ort->SessionGetInputName(session, 0, allocator, &input));
    check(ort->SessionGetOutputName(session, 0, allocator, &output));
    unsigned rate = 0;
    if (std::sscanf(input, "audio_%uhz_", &rate) != 1) fail(std::string(argv[1]) + " takes " + input + ", not samples of sound");

    std::vector<float> samples = readWAV(argv[2], rate);
    const int64_t shape[] = {1, static_cast<int64_t>(samples.size())};
    OrtMemoryInfo* memory = nullptr;
    OrtValue *x = nullptr, *y = nullptr;
    check(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
    check(ort->CreateTensorWithDataAsOrtValue(memory, samples.data(), samples.size() * sizeof(float), shape, 2,
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &x));
    check(ort->Run(session, nullptr, &input, &x, 1, &output, 1, &y));

    OrtTensorTypeAndShapeInfo* info = nullptr;
    size_t count = 0;
    float* numbers = nullptr;
    check(ort->GetTensorTypeAndShape(y, &info));
    check(ort->GetTensorShapeElementCount(info, &count));
    check(ort->GetTensorMutableData(y, reinterpret_cast<void**>(&numbers)));
    std::printf("%s", output);
    for (size_t i = 0; i < count; i++) std::printf(" %.9g", numbers[i]);
    std::printf("\n");

    ort->ReleaseTensorTypeAndShapeInfo(info);
    ort->ReleaseValue(y);
    ort->ReleaseValue(x);
    ort->ReleaseMemoryInfo(memory);
    allocator->Free(allocator, output);
    allocator->Free(allocator, input);
    ort->ReleaseSession(session);
    ort->ReleaseSessionOptions(options);
    ort->ReleaseEnv(env);
}
