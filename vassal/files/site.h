// SPDX-License-Identifier: Apache-2.0
// The files that a vassal serves by itself: URL prefixes and their directories (`static`). Made once per generation, by
// the master and with its rights; the same for all workers that are forked in it. Answers GET and HEAD of whatever lies
// under a prefix, also with 404: the app is never asked. Needs no interpreter and never waits.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "vassal/app/application.h"
#include "vassal/files/directory.h"
#include "vassal/files/mime_types.h"

namespace vassal::files {

class Site {
public:
    // What a URL path names in here; valid as long as the path and the site.
    struct Place {
        const Directory* directory = nullptr;
        std::string_view url;   // the whole path
        std::string_view rest;  // behind the prefix, without the slash between
    };

    // "/prefix" → directory.
    [[nodiscard]] static common::Result<Site> open(const std::map<std::string, std::string>& directories);

    [[nodiscard]] bool is_empty() const noexcept { return roots_.empty(); }
    // What a process that is to serve() must keep open.
    [[nodiscard]] std::vector<int> descriptors() const;
    // Hot path. By the longest prefix, at whole segments. `url` is the decoded path with SCRIPT_NAME in it.
    [[nodiscard]] std::optional<Place> find(std::string_view url) const noexcept;
    void serve(const Place& place, const app::Request& request, app::Response& response) const;

private:
    struct Root {
        std::string prefix;  // without the slash at its end: "" is everything
        Directory directory;
    };
    void send(const OpenedFile& file, const Place& place, const app::Request& request, app::Response& response) const;

    std::vector<Root> roots_;  // the longest prefix first
    MimeTypes types_;
};

}  // namespace vassal::files
