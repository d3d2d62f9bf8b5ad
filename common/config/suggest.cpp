// SPDX-License-Identifier: Apache-2.0
#include "common/config/suggest.h"

#include <algorithm>
#include <map>
#include <vector>

#include "common/base/nearest.h"
#include "common/config/schema_internal.h"
#include "common/config/source_text.h"

namespace common::config {

namespace {

constexpr std::size_t longest_word = 64;  // edit distance is quadratic

std::string keys_of(std::string_view group) {
    std::string names;
    for (const Key& key : keys())
        if (group_of(key.path) == group) names += (names.empty() ? "" : ", ") + std::string(leaf_of(key.path));
    return names;
}

// What a slip near `leaf` may have meant, and the key to name for it: neighbours in the group, whole groups, keys of
// other groups, and options of uWSGI that one key takes the place of.
std::map<std::string, std::string> candidates(std::string_view group) {
    std::map<std::string, std::string> found;
    for (const Advice& advice : uwsgi_advice())
        if (!advice.key.empty()) found[std::string(advice.option)] = std::string(advice.key);
    for (const Key& key : keys()) found[std::string(leaf_of(key.path))] = std::string(key.path);
    for (const std::string_view name : groups()) found[std::string(name)] = std::string(name);
    for (const Key& key : keys())  // last: the neighbours win
        if (group_of(key.path) == group) found[std::string(leaf_of(key.path))] = std::string(leaf_of(key.path));
    return found;
}

// Options of uWSGI that no key takes the place of: a slip is answered with the advice for it.
std::vector<std::string> options_without_key() {
    std::vector<std::string> options;
    for (const Advice& advice : uwsgi_advice())
        if (advice.key.empty() && advice.option.size() > 4) options.emplace_back(advice.option);
    return options;
}

std::string suggestion(std::string_view group, std::string_view leaf) {
    if (leaf.size() > longest_word) return {};
    const auto known = candidates(group);
    std::string word(leaf);
    // "timeout: 5s" rather means all of them than that of something else.
    for (const std::string_view name : groups())
        if (group.empty() && name == word + "s") return std::string(name);
    if (const auto exact = known.find(word); exact != known.end()) return exact->second;
    std::vector<std::string> words;
    for (const auto& [candidate, key] : known) words.push_back(candidate);
    auto close = nearest(word, words, 1);
    if (close.empty()) {  // "max-requests" and "max_requests" are the same slip
        std::replace(word.begin(), word.end(), '-', '_');
        close = nearest(word, words, 1);
    }
    return close.empty() ? std::string{} : known.at(close.front());
}

}  // namespace

std::string unknown_key_message(std::string_view path) {
    const std::string_view group = group_of(path), leaf = leaf_of(path);
    if (is_planned_key(path)) return std::string("the key ") + in_quotes(path) + " is not available in this version";
    const std::string unknown = std::string("unknown key ") + in_quotes(leaf);
    if (const auto advice = advice_for_uwsgi_option(leaf); !advice.empty())
        return unknown + ", an option of uWSGI: " + std::string(advice);
    if (const std::string hint = suggestion(group, leaf); !hint.empty()) {
        const bool is_elsewhere =
            hint.find('.') != std::string::npos || (!group.empty() && keys_of(group).find(hint) == std::string::npos);
        if (!is_elsewhere) return unknown + " (did you mean '" + hint + "'?)";
        if (hint.find('.') == std::string::npos) return unknown + " (did you mean '" + hint + "' at the top level?)";
        return unknown + " (did you mean '" + hint + "'?)";
    }
    if (const auto close = nearest(leaf.substr(0, longest_word), options_without_key(), 1); !close.empty())
        return unknown + " (uWSGI's '" + close.front() + "': " + std::string(advice_for_uwsgi_option(close.front())) +
               ")";
    if (!group.empty()) return unknown + " (the keys of " + in_quotes(group) + " are " + keys_of(group) + ")";
    return unknown;
}

std::string not_a_group_message(std::string_view group, bool is_empty) {
    const std::string text = std::string("'") + std::string(group) + "' is a group of keys (" + keys_of(group) + ")";
    if (is_empty) return text + ", none is given";
    if (group == "socket") return text + "; an address goes into 'listen: uwsgi:ADDRESS'";
    if (group == "log") return text + "; a file goes into 'log: {file: PATH}'";
    return text + ", got a value";
}

}  // namespace common::config
