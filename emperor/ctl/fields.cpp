// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/fields.h"

namespace emperor::ctl {

std::string text_at(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_at(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

const Json& part_at(const Json& json, const char* key) {
    static const Json nothing = Json::object();
    const auto found = json.find(key);
    return found != json.end() && found->is_structured() ? *found : nothing;
}

bool is_true(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace emperor::ctl
