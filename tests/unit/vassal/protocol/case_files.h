// SPDX-License-Identifier: Apache-2.0
// Reads the case files of tests/conformance for the codecs' tests; tests/conformance/run.py sends the same files to
// live servers.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vassal::protocol {

// The case files write bytes as latin-1 characters.
inline std::string bytes_of(const std::string& utf8) {
    std::string bytes;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto c = static_cast<unsigned char>(utf8[i]);
        if (c < 0x80) {
            bytes += utf8[i];
        } else {
            bytes += static_cast<char>((c & 0x03) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3f));
        }
    }
    return bytes;
}

// All cases of a suite: of every .json file in its directory.
inline std::vector<nlohmann::json> cases_of(const std::string& suite) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(TEST_SOURCE_DIR "/tests/conformance/" + suite)) {
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<nlohmann::json> all;
    for (const auto& file : files) {
        for (nlohmann::json& one : nlohmann::json::parse(std::ifstream(file)).get<std::vector<nlohmann::json>>()) {
            all.push_back(std::move(one));
        }
    }
    return all;
}

}  // namespace vassal::protocol
