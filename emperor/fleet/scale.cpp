// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/scale.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "common/config/schema.h"
#include "emperor/fleet/record.h"

namespace emperor::fleet {

using nlohmann::json;

namespace {

constexpr std::size_t max_size = 4096;

std::string path_in(const std::string& directory) { return directory + "/scale"; }

}  // namespace

json workers_value(int min, int max) { return min == max ? json(max) : json{{"min", min}, {"max", max}}; }

std::shared_ptr<const common::config::Effective> scaled(const common::config::Effective& file, const Scale& scale) {
    auto changed = std::make_shared<common::config::Effective>(file);
    json values = *file.values;
    values["workers"] = workers_value(scale.min, scale.max);
    changed->values = std::make_shared<const json>(std::move(values));
    changed->config.workers = scale.max;
    changed->config.workers_min = scale.min;
    // Without origins the configuration is of a record, and stays without.
    if (!changed->origins.empty()) {
        common::config::Origin origin;
        origin.kind = common::config::Origin::Kind::vassal_file;
        origin.file = "emperorctl scale";
        changed->origins.insert_or_assign("workers", std::move(origin));
    }
    return changed;
}

std::optional<Scale> read_scale(const std::string& directory) {
    std::ifstream in(path_in(directory));
    std::string text;
    for (std::istreambuf_iterator<char> next(in), end; next != end && text.size() <= max_size; ++next) text.push_back(*next);
    const json document = json::parse(text, nullptr, false);
    const common::config::Key& key = *common::config::find_key("workers");
    const auto is_number = [&](const char* name) {
        const auto found = document.find(name);
        return found != document.end() && found->is_number_integer() && *found >= key.minimum && *found <= key.maximum;
    };
    if (!document.is_object() || !is_number("min") || !is_number("max") || !document.contains("file")) return std::nullopt;
    Scale scale{document["min"].get<int>(), document["max"].get<int>(), document["file"]};
    if (scale.min > scale.max) return std::nullopt;
    return scale;
}

common::Result<void> write_scale(const std::string& directory, const std::optional<Scale>& scale) {
    if (scale)
        return write_atomically(directory, "scale", json{{"min", scale->min}, {"max", scale->max}, {"file", scale->file}}.dump());
    if (::unlink(path_in(directory).c_str()) != 0 && errno != ENOENT)
        return common::system_error("remove " + path_in(directory));
    return {};
}

}  // namespace emperor::fleet
