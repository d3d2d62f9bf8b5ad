// SPDX-License-Identifier: Apache-2.0
// The page's files, inside the program: emperor/web/page and third_party/uplot, made into arrays by cmake/embed.py when
// the program is built, each with its gzip form and a hash of its content.
#pragma once

#include <span>
#include <string_view>

namespace emperor::web {

struct Asset {
    std::string_view path;  // "/js/main.js"
    std::string_view type;  // Content-Type
    std::string_view tag;   // entity tag, with its quotes
    std::string_view plain, gzip;
};

[[nodiscard]] std::span<const Asset> assets() noexcept;
// Null: there is none.
[[nodiscard]] const Asset* find_asset(std::string_view path) noexcept;

}  // namespace emperor::web
