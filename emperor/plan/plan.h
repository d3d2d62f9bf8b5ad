// SPDX-License-Identifier: Apache-2.0
// Compares the files with what the fleet already has, and says what is to be done about each vassal. Pure: no clock, no
// file, no process; called by the fleet after every scan. It never starts or stops anything, and a vassal for which
// nothing is to be done gets no action, so planning twice is the same as planning once.
//
//     file now             known before                       action
//     valid                no such vassal                     added
//     valid                never valid                        added
//     valid                same stamp, same values            none; recovered when it was shown invalid
//     valid                same stamp, other values           defaults_changed (what else could it be)
//     valid                other stamp, same values           touched: a rollout
//     valid                same, but a watched path changed   touched, naming the path
//     valid                other stamp, other values          changed, with the highest reload class of what differs
//     valid                other values, and a watched path   the same, at least a rollout
//     valid                other owner (uid or gid)           changed, at least a rollout (law 11: other rights)
//     invalid              not shown with this text yet       invalid
//     two files, one name  not shown with this text yet       invalid, both paths named; the known one keeps running
//     gone                 known                              removed
//     directory unreadable known from there                   none: unknown is not removed
// The order is removed, invalid, changes, added; by name within each.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/config/decode.h"
#include "common/config/schema.h"
#include "emperor/watch/scanner.h"
#include "emperor/watch/watched_path.h"

namespace emperor::plan {

// One vassal file as it is now.
struct DesiredFile {
    std::string name;
    std::string path;
    watch::FileStamp stamp;
    uid_t uid = 0;  // whose rights it gives (the owner, or as resolved)
    gid_t gid = 0;
    // Null when `diagnostics` has errors. Shared with the fleet, which keeps it as the vassal's desired configuration.
    std::shared_ptr<const common::config::Effective> effective;
    common::config::Diagnostics diagnostics;
    watch::WatchedStamps watched{};  // of its `watch` paths, as they are now
};

struct Desired {
    std::vector<DesiredFile> files;                     // all directories, in their order
    std::vector<std::string> unreadable_directories;    // as ScannedDirectory::path
};

// What the fleet has of one vassal. Leave out vassals whose file was removed already (also while they still drain).
struct KnownVassal {
    std::string path;
    // Of the newest configuration that was valid (what ConfigChanged carried last); null: there was none.
    std::shared_ptr<const nlohmann::json> values;
    watch::FileStamp stamp;
    uid_t uid = 0;
    gid_t gid = 0;
    // render() of the errors it is shown invalid with; empty: it is not.
    std::string invalid;
    // When that configuration was taken. A path that is missing here was not looked at then.
    watch::WatchedStamps watched{};
};
using Known = std::map<std::string, KnownVassal, std::less<>>;  // by name

struct Action {
    enum class Kind { removed, invalid, changed, touched, defaults_changed, recovered, added };

    Kind kind;
    std::string name;
    // Into Desired::files; null for removed, and for invalid it is the first of the files with this name.
    const DesiredFile* file = nullptr;
    // What the change needs; rollout for touched, none for removed, invalid and recovered, listeners for added.
    common::config::ReloadClass reload = common::config::ReloadClass::none;
    std::vector<std::string> keys{};             // changed, defaults_changed: which values differ, as dotted paths
    std::string cause;                           // "new file", "edited", "touched", "_defaults.yaml edited"…
    common::config::Diagnostics diagnostics;     // invalid: the errors (and warnings) to show
};

// recovered: the file is valid again and exactly what it was; send ConfigChanged with the Spec that the vassal has, so
// that nothing restarts. added, changed, touched and defaults_changed need a Spec with a new id each.
// The actions point into `desired`.
[[nodiscard]] std::vector<Action> plan(const Desired& desired, const Known& known);

[[nodiscard]] std::string_view name_of(Action::Kind kind) noexcept;

}  // namespace emperor::plan
