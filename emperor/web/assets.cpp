// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/assets.h"

#include <algorithm>

namespace emperor::web {

const Asset* find_asset(std::string_view path) noexcept {
    const auto found = std::ranges::find(assets(), path, &Asset::path);
    return found == assets().end() ? nullptr : &*found;
}

}  // namespace emperor::web
