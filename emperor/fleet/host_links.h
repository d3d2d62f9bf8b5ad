// SPDX-License-Identifier: Apache-2.0
// The directory by-host: HOST.sock for each host name of a vassal, a symbolic link to the socket that clients of that
// name are to reach. A web server that puts the name of the request into the path (configs/nginx/emperor.conf) needs no
// reload for a new one. A link appears and changes by rename(2), so that nobody ever finds half of it. For each there
// is an empty file .known/HOST, because nginx can ask for a file but not for a socket. Owned by the fleet; only the
// emperor writes to the directory, and what a former emperor left in it stands until remove_stale(): its clients are
// served meanwhile.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/verify.h"

namespace emperor::fleet {

class HostLinks {
public:
    // Looks at what is there.
    HostLinks(std::string directory, std::string sockets_directory);

    // These names lead to `socket`, and no others of this vassal do. A name that another vassal had leads here from now on.
    void route(const std::string& vassal, const std::vector<std::string>& hosts, const std::string& socket);

    // Of a former emperor, and not routed by now.
    void remove_stale();
    // Makes again what somebody removed or changed.
    void mend();

    // Who has which name, also by what a former emperor left.
    [[nodiscard]] common::config::HostHolders holders() const;

private:
    struct Link {
        std::string vassal;
        std::string target;
        bool is_left = false;     // by a former emperor
        bool has_failed = false;  // said already
    };

    [[nodiscard]] std::string target_of(const std::string& socket) const;
    void make(const std::string& host, Link& link) const;
    void remove(const std::string& host, const Link& link) const;

    std::string directory_;
    std::string sockets_directory_;
    std::map<std::string, Link> links_;  // by host
};

}  // namespace emperor::fleet
