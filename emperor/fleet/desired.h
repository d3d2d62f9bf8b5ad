// SPDX-License-Identifier: Apache-2.0
// From scanned files to desired configurations: decodes, resolves whose rights a file gives, checks the machine (with
// these rights) and claims of addresses across vassals. What did not change is not decoded again; what has errors is,
// since their cause may lie outside the file. Starts and opens nothing: `emperor --check` runs exactly this.
// Owned by the fleet.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/config/verify.h"
#include "emperor/plan/plan.h"
#include "emperor/watch/scanner.h"

namespace emperor::fleet {

class DesiredBuilder {
public:
    // `knows_variables`: ${VAR} of the emperor's own files may be looked up in its environment.
    explicit DesiredBuilder(std::string sockets_directory, bool knows_variables = true)
        : sockets_directory_(std::move(sockets_directory)), knows_variables_(knows_variables) {}

    // Who has what now; a newcomer that wants it as well takes it from nobody.
    struct Holders {
        common::config::HostHolders hosts;
        common::config::AddressHolders addresses;
    };
    [[nodiscard]] plan::Desired build(const watch::Scan& scan, Holders holders = {});

    // One file by itself: other vassals' claims are not looked at.
    [[nodiscard]] plan::DesiredFile examine(const watch::ScannedFile& file,
                                            const std::optional<watch::ScannedFile>& defaults) const;

    // Of a file in the last build() that had no errors.
    [[nodiscard]] const common::config::Identity& identity_of(const std::string& path) const {
        return cache_.at(path).identity;
    }

private:
    struct Decoded {
        std::shared_ptr<const std::string> text;
        std::shared_ptr<const std::string> defaults;
        uid_t uid = 0;
        gid_t gid = 0;
        std::shared_ptr<const common::config::Effective> effective;
        common::config::Identity identity;
        common::config::Diagnostics diagnostics;
    };

    [[nodiscard]] Decoded decode(const watch::ScannedFile& file, const std::optional<watch::ScannedFile>& defaults) const;

    std::string sockets_directory_;
    bool knows_variables_;
    std::map<std::string, Decoded> cache_;  // by path; holds the files of the last build
};

}  // namespace emperor::fleet
