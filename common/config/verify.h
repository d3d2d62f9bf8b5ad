// SPDX-License-Identifier: Apache-2.0
// The checks of a decoded configuration that look at the machine: users, directories, the venv's Python version,
// path lengths. Findings carry the position of the key they are about. Reads only.
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/decode.h"

namespace common::config {

// Who a vassal runs as, resolved once per generation.
struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;  // supplementary, as initgroups(3) would set them
    std::string user;           // "" where the uid has no name
    std::string home;           // "/" where unknown

    friend bool operator==(const Identity&, const Identity&) = default;
};

// The owner of the vassal's file, and who asks: decides DESIGN law 11.
struct Ownership {
    uid_t file_uid = 0;
    gid_t file_gid = 0;
    uid_t process_uid = 0;  // geteuid() of the emperor
};

// Under root: `user:` for a file of root's, the file's owner for anybody else's (another `user:` is an error).
// Not under root: the process's own user; a different `user:` or `group:` is an error that says how to fix it.
// Appends its findings to `diagnostics` and returns nothing on error.
[[nodiscard]] std::optional<Identity> resolve_identity(const Effective& effective, const Ownership& ownership,
                                                       Diagnostics& diagnostics);

// chdir, venv, env_file, python_path, the directories of static exist and can be entered; the venv is of this Python
// version (3.11); socket owner and group exist. Under root run it with the vassal's rights (emperor/process/act_as.h).
void verify_environment(const Effective& effective, const Identity& identity, Diagnostics& diagnostics);

// The text of an address → the vassal whose it is at present.
using AddressHolders = std::map<std::string, std::string>;
// Two vassals of one emperor that claim one address: it belongs to its holder, and the other one gets an error that names him.
// Without a holder both get one.
struct Claim {
    std::string vassal;
    const Effective* effective;
    Diagnostics* diagnostics;
};
void verify_claims(const std::vector<Claim>& claims, const AddressHolders& holders = {});

// Which vassal clients reach by a host name now.
using HostHolders = std::map<std::string, std::string>;
// Two vassals that claim one host: it belongs to its holder, else to the first of the claims; the others get an error that names
// him. `undecided`: vassals whose file is invalid at present; what they hold they keep.
void verify_host_claims(const std::vector<Claim>& claims, const HostHolders& holders, const std::set<std::string>& undecided);

// A warning where `hosts` cannot become by-host sockets.
void verify_hosts(const Effective& effective, Diagnostics& diagnostics);
// A listener that a by-host socket may lead to: web servers that route by it know the protocol beforehand.
[[nodiscard]] bool is_routable(const net::ListenAddress& listener) noexcept;

}  // namespace common::config
