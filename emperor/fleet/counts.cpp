// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/counts.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "emperor/fleet/record.h"

namespace emperor::fleet {

using nlohmann::json;

namespace {

constexpr const char* file_name = "counts.json";
constexpr std::size_t max_size = 4096;

}  // namespace

Counts::Counts(std::string directory) : directory_(std::move(directory)) { read(); }

void Counts::read() {
    if (directory_.empty()) return;
    std::ifstream in(directory_ + "/" + file_name, std::ios::binary);
    std::string text(max_size, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    const json found = json::parse(text, nullptr, false);
    if (!found.is_object()) return;
    try {
        const auto restarts = found.at("restarts").get<std::uint64_t>(), reloads = found.at("reloads").get<std::uint64_t>();
        state_ = found.at("state").get<std::string>();
        since_us_ = found.at("since_us").get<std::int64_t>();
        failing_since_us_ = found.value("failing_since_us", std::int64_t{0});
        restarts_ = restarts;
        reloads_ = reloads;
    } catch (const json::exception&) {  // of another version
    }
}

void Counts::add_restart() {
    ++restarts_;
    write();
}

void Counts::add_reload() {
    ++reloads_;
    write();
}

void Counts::show(const std::string& state, std::int64_t since_us) {
    state_ = state;
    since_us_ = since_us;
    write();
}

void Counts::set_failing_since(std::int64_t since_us) {
    if (std::exchange(failing_since_us_, since_us) != since_us) write();
}

void Counts::move_to(std::string directory) {
    directory_ = std::move(directory);
    write();
}

void Counts::write() const {
    if (directory_.empty()) return;
    const json all{{"restarts", restarts_}, {"reloads", reloads_}, {"state", state_}, {"since_us", since_us_},
                   {"failing_since_us", failing_since_us_}};
    static_cast<void>(write_atomically(directory_, file_name, all.dump()));
}

}  // namespace emperor::fleet
