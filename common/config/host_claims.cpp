// SPDX-License-Identifier: Apache-2.0
// Two vassals that want one host name. Other than with addresses there is one who has it: whom clients reach by it now, else
// whose file comes first. A tenant's new file takes no name away from anybody.
#include <map>
#include <set>

#include "common/config/finding.h"
#include "common/config/source_text.h"
#include "common/config/verify.h"

namespace common::config {

namespace {

std::string place_of(const Effective& effective, const std::string& path) {
    const Diagnostic place = finding(effective, path, "");
    return place.position.line > 0 ? place.file + ":" + std::to_string(place.position.line) : place.file;
}

}  // namespace

void verify_host_claims(const std::vector<Claim>& claims, const HostHolders& holders, const std::set<std::string>& undecided) {
    struct Claimed {
        const Claim* claim;
        std::string path;  // "hosts.1"
    };
    std::map<std::string_view, std::vector<Claimed>> by_host;
    for (const Claim& claim : claims) {
        const auto& hosts = claim.effective->config.hosts;
        for (std::size_t at = 0; at < hosts.size(); ++at)
            by_host[hosts[at]].push_back({&claim, "hosts." + std::to_string(at)});
    }
    for (const auto& [host, users] : by_host) {
        const auto holder = holders.find(std::string(host));
        const std::string* held_by = holder == holders.end() ? nullptr : &holder->second;
        const Claimed* owner = &users.front();
        for (const Claimed& user : users)
            if (held_by != nullptr && user.claim->vassal == *held_by) owner = &user;
        const bool is_kept = held_by != nullptr && owner->claim->vassal != *held_by && undecided.contains(*held_by);
        for (const Claimed& user : users) {
            if (&user == owner && !is_kept) continue;
            const std::string whose =
                is_kept ? in_quotes(*held_by) + ", which serves it with its last valid file"
                        : in_quotes(owner->claim->vassal) + " (" + place_of(*owner->claim->effective, owner->path) + ")";
            user.claim->diagnostics->push_back(finding(*user.claim->effective, user.path,
                                                       "hosts: " + in_quotes(host) + " belongs to the vassal " + whose));
        }
    }
}

void verify_hosts(const Effective& effective, Diagnostics& diagnostics) {
    const VassalConfig& config = effective.config;
    if (config.hosts.empty()) return;
    for (const net::ListenAddress& listener : config.listen)
        if (is_routable(listener)) return;
    Diagnostic warning = finding(effective, "hosts",
                                 "hosts: no listener on a unix socket speaks uwsgi, so there will be no by-host sockets "
                                 "(add uwsgi:/PATH to listen, or use 'emperorctl nginx print')");
    warning.severity = Diagnostic::Severity::warning;
    diagnostics.push_back(std::move(warning));
}

bool is_routable(const net::ListenAddress& listener) noexcept {
    return listener.protocol == net::Protocol::uwsgi && listener.address.kind == net::Address::Kind::unix_path;
}

}  // namespace common::config
