// SPDX-License-Identifier: Apache-2.0
// Who may pass: Host against DNS rebinding, Origin and Sec-Fetch-Site against other sites' pages in the same browser, the
// bearer token against everybody else. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/net/address.h"
#include "emperor/web/route.h"

namespace emperor::web {

struct Policy {
    std::string token;               // empty: nobody may act
    bool reads_need_token = false;   // not on loopback: what apps log is not for a whole network
    std::vector<std::string> hosts;  // names under which the dashboard is reached, besides localhost and addresses
};

// The headers that it is judged by, as they came; "" where one is missing. Two of Host or Origin: the caller refuses.
struct Credentials {
    std::string_view host = {}, origin = {}, fetch_site = {}, authorization = {};
};

enum class Standing { stranger, wrong_token, holder };
[[nodiscard]] Standing standing_of(const Credentials& credentials, const Policy& policy);

// Nothing: it may pass. 421 for a Host that is not ours, 403 for another site, 401 for a missing or wrong token.
[[nodiscard]] std::optional<Refusal> refuse(const Credentials& credentials, Need need, const Policy& policy);

// "localhost", a numeric address, one of `hosts`; each with or without a port. A page of a name that a stranger lets
// point here carries that name in Host, and no numeric address.
[[nodiscard]] bool is_own_host(std::string_view host, const std::vector<std::string>& hosts);

// How long it takes depends on the length of `given` only.
[[nodiscard]] bool is_same_secret(std::string_view given, std::string_view secret) noexcept;

// 127.0.0.0/8, ::1, localhost; unix sockets count too: their mode says who may connect.
[[nodiscard]] bool is_local(const common::net::Address& address) noexcept;

inline constexpr std::size_t shortest_token = 16;

// The token of a file (its text without the newline at the end), which others may not read.
[[nodiscard]] common::Result<std::string> read_token_file(const std::string& path);
// 16 to 512 visible ASCII characters; "" as the problem when it is fine.
[[nodiscard]] std::string problem_of_token(std::string_view token);

}  // namespace emperor::web
