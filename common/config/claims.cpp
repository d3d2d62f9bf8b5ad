// SPDX-License-Identifier: Apache-2.0
// Two vassals that claim one address. Judged by what the kernel would refuse: 0.0.0.0:80 and 127.0.0.1:80 collide too.
// Who has it keeps it: a new file, perhaps a tenant's, must not make a running neighbour invalid.
#include <algorithm>
#include <filesystem>
#include <map>

#include "common/config/finding.h"
#include "common/config/source_text.h"
#include "common/config/verify.h"

namespace common::config {

namespace {

struct Claimed {
    std::size_t claim;     // index of the vassal
    std::size_t listener;  // index in its `listen`
    bool is_wildcard = false;
    std::string host;
};

bool collide(const Claimed& a, const Claimed& b) {
    return a.claim != b.claim && (a.is_wildcard || b.is_wildcard || a.host == b.host);
}

// Listeners with different keys never collide.
std::string key_of(const net::Address& address) {
    switch (address.kind) {
        case net::Address::Kind::unix_path: return std::filesystem::path(address.path).lexically_normal().string();
        case net::Address::Kind::unix_abstract: return "@" + address.path;
        case net::Address::Kind::tcp: break;
    }
    return std::to_string(address.port);
}

Claimed claimed(std::size_t claim, std::size_t listener, const net::Address& address) {
    Claimed result{claim, listener, false, {}};
    if (address.kind != net::Address::Kind::tcp) return result;
    result.host = address.host == "localhost" ? "127.0.0.1" : address.host;
    result.is_wildcard = result.host.empty() || result.host == "0.0.0.0" || result.host == "::";
    return result;
}

}  // namespace

void verify_claims(const std::vector<Claim>& claims, const AddressHolders& holders) {
    const auto text = [&](const Claimed& user) {
        return claims[user.claim].effective->config.listen[user.listener].address.text();
    };
    const auto is_held = [&](const Claimed& user) {
        const auto holder = holders.find(text(user));
        return holder != holders.end() && holder->second == claims[user.claim].vassal;
    };
    std::map<std::string, std::vector<Claimed>> by_key;
    for (std::size_t i = 0; i < claims.size(); ++i) {
        const auto& listen = claims[i].effective->config.listen;
        for (std::size_t j = 0; j < listen.size(); ++j) {
            const net::Address& address = listen[j].address;
            const bool is_chosen_by_kernel = address.kind == net::Address::Kind::tcp && address.port == 0;
            if (!is_chosen_by_kernel) by_key[key_of(address)].push_back(claimed(i, j, address));
        }
    }
    for (const auto& [key, users] : by_key)
        for (const Claimed& user : users) {
            const auto is_in_the_way = [&](const Claimed& other) {
                return collide(user, other) && (!is_held(user) || is_held(other));
            };
            // Whose it is has a name before who else wants it.
            auto other = std::ranges::find_if(users, [&](const Claimed& o) { return is_in_the_way(o) && is_held(o); });
            if (other == users.end()) other = std::ranges::find_if(users, is_in_the_way);
            if (other == users.end()) continue;
            const Claim& mine = claims[user.claim];
            const std::string as = text(user) == text(*other) ? "" : " as " + in_quotes(text(*other));
            const std::string whose = is_held(*other) ? " belongs to the vassal " : " is also claimed by the vassal ";
            mine.diagnostics->push_back(finding(*mine.effective, "listen." + std::to_string(user.listener),
                                                "listen: " + in_quotes(text(user)) + whose +
                                                    in_quotes(claims[other->claim].vassal) + as));
        }
}

}  // namespace common::config
