// Classifies generated pixels on two threads that share a model.
//
//   c++ -std=c++17 classify.cpp $(pkg-config --cflags --libs seesaw) -pthread -o classify
//   ./classify model.safetensors
#include <seesaw.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

void check(SeesawStatus status)
{
    if (status != SEESAW_STATUS_OK) {
        throw std::runtime_error(seesaw_last_error(nullptr));
    }
}

struct Free {
    void operator()(SeesawModel *model) const { seesaw_model_free(model); }
};
using Model = std::unique_ptr<SeesawModel, Free>;

Model open(const std::string &path)
{
    SeesawOptions options{};
    options.size = sizeof options;
    options.threads = 1; // So that calls run side by side.
    SeesawModel *model = nullptr;
    check(seesaw_model_open(path.data(), path.size(), &options, &model));
    return Model(model);
}

// Rows of an image may be longer than its pixels.
std::vector<float> classify(const SeesawModel *model, unsigned char gray)
{
    const std::size_t width = 300, height = 200, stride = 1024;
    const std::vector<std::uint8_t> pixels(stride * height, gray);
    std::vector<float> probabilities(seesaw_model_classes(model));
    check(seesaw_classify_rgb(model, pixels.data(), pixels.size(), width, height, stride,
                              probabilities.data(), probabilities.size()));
    return probabilities;
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " MODEL\n";
        return 2;
    }
    const Model model = open(argv[1]);
    std::vector<float> dark, light;
    std::thread other([&] { dark = classify(model.get(), 20); });
    light = classify(model.get(), 230);
    other.join();

    const char *label = nullptr;
    std::size_t length = 0;
    check(seesaw_model_label(model.get(), 0, &label, &length));
    std::cout << std::string(label, length) << ": " << dark[0] << " and " << light[0] << '\n';

    // A wrong argument is an error with a message.
    std::vector<float> few(1);
    const SeesawStatus status = seesaw_run(model.get(), few.data(), 1, few.data(), 1);
    std::cout << "status " << status << ": " << seesaw_last_error(nullptr) << '\n';
    return status == SEESAW_STATUS_ARGUMENT ? 0 : 1;
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
