// SPDX-License-Identifier: Apache-2.0
// Reads the fixtures of tests/conformance/config and compares results with the expectation beside them. With
// EMPEROR_UPDATE_GOLDEN=1 in the environment the expectations are written instead: read the diff before it is
// committed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "common/config/decode.h"

namespace fixtures {

inline const std::filesystem::path root = std::filesystem::path(TEST_SOURCE_DIR) / "tests/conformance/config";

inline std::string content(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

inline std::vector<std::string> names(const std::string& folder) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(root / folder))
        if (entry.path().extension() == ".yaml") found.push_back(entry.path().stem().string());
    std::sort(found.begin(), found.end());
    return found;
}

inline common::config::DecodeOptions options(const std::string& name) {
    static const std::map<std::string, std::string, std::less<>> variables = {
        {"MODULE", "mysite"}, {"HOST", "example.com"}, {"THREADS", "3"}, {"EMPTY", ""}};
    common::config::DecodeOptions options;
    options.name = name;
    options.sockets_directory = "/run/emperor/sockets";
    options.variable = [](std::string_view variable) -> std::optional<std::string> {
        const auto found = variables.find(variable);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    return options;
}

inline common::config::Decoded decode(const std::string& folder, const std::string& name) {
    std::optional<common::config::Source> defaults;
    if (const auto path = root / "defaults" / (name + ".yaml"); std::filesystem::exists(path))
        defaults = common::config::Source{"/etc/apps.d/_defaults.yaml", content(path)};
    return common::config::decode({"/etc/apps.d/" + name + ".yaml", content(root / folder / (name + ".yaml"))},
                                  defaults, options(name));
}

inline bool is_updating() { return std::getenv("EMPEROR_UPDATE_GOLDEN") != nullptr; }

inline void expect_golden(const std::filesystem::path& path, const std::string& actual) {
    if (is_updating()) {
        std::ofstream(path, std::ios::binary) << actual;
        return;
    }
    ASSERT_TRUE(std::filesystem::exists(path)) << path << " is missing; it would be:\n" << actual;
    EXPECT_EQ(content(path), actual) << path;
}

struct Named {
    std::string name;
    friend void PrintTo(const Named& named, std::ostream* out) { *out << named.name; }
};

inline std::vector<Named> parameters(const std::string& folder) {
    std::vector<Named> found;
    for (std::string& name : names(folder)) found.push_back({std::move(name)});
    return found;
}

inline std::string title(const testing::TestParamInfo<Named>& info) { return info.param.name; }

}  // namespace fixtures
