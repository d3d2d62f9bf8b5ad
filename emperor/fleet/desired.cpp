// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/desired.h"

#include <unistd.h>

#include <cstdlib>
#include <set>

#include "emperor/process/act_as.h"

namespace emperor::fleet {

namespace config = common::config;

namespace {

std::optional<std::string> own_variable(std::string_view name) {
    const char* value = ::getenv(std::string(name).c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

// A tenant's file must not read secrets out of a root emperor's environment: to it every variable is unknown (law 11).
config::DecodeOptions options_for(const watch::ScannedFile& file, const std::string& sockets_directory, bool knows_variables) {
    const bool is_own = knows_variables && (file.uid == 0 || file.uid == ::geteuid());
    return {file.name, sockets_directory, is_own ? own_variable : nullptr};
}

watch::WatchedStamps watched_by(const config::Effective* effective, const config::Identity& identity) {
    if (effective == nullptr || effective->config.watch.empty()) return {};
    const process::ActAs rights(identity);
    return watch::stamps_of(effective->config.watch);
}

}  // namespace

DesiredBuilder::Decoded DesiredBuilder::decode(const watch::ScannedFile& file,
                                               const std::optional<watch::ScannedFile>& defaults) const {
    Decoded out;
    out.text = file.text;
    out.uid = file.uid;
    out.gid = file.gid;
    out.diagnostics = file.findings;
    std::optional<config::Source> defaults_source;
    if (defaults) {
        out.defaults = defaults->text;
        out.diagnostics.insert(out.diagnostics.end(), defaults->findings.begin(), defaults->findings.end());
        if (!config::has_errors(defaults->findings) && defaults->text)
            defaults_source = config::Source{defaults->path, *defaults->text};
    }
    // A file that may not be believed, or not be read, is not decoded: only its own finding helps.
    if (config::has_errors(file.findings) || !file.text) return out;
    config::Decoded decoded = config::decode({file.path, *file.text}, defaults_source,
                                             options_for(file, sockets_directory_, knows_variables_));
    out.diagnostics.insert(out.diagnostics.end(), decoded.diagnostics.begin(), decoded.diagnostics.end());
    if (!decoded.effective) return out;
    const auto identity = config::resolve_identity(*decoded.effective, {file.uid, file.gid, ::geteuid()}, out.diagnostics);
    if (!identity) return out;
    {
        const process::ActAs rights(*identity);
        config::verify_environment(*decoded.effective, *identity, out.diagnostics);
        config::verify_hosts(*decoded.effective, out.diagnostics);
    }
    out.identity = *identity;
    out.effective = std::make_shared<const config::Effective>(std::move(*decoded.effective));
    return out;
}

plan::DesiredFile DesiredBuilder::examine(const watch::ScannedFile& file,
                                          const std::optional<watch::ScannedFile>& defaults) const {
    const Decoded decoded = decode(file, defaults);
    return {file.name, file.path, file.stamp, decoded.effective ? decoded.identity.uid : file.uid,
            decoded.effective ? decoded.identity.gid : file.gid,
            config::has_errors(decoded.diagnostics) ? nullptr : decoded.effective, decoded.diagnostics,
            watched_by(decoded.effective.get(), decoded.identity)};
}

plan::Desired DesiredBuilder::build(const watch::Scan& scan, Holders holders) {
    plan::Desired desired;
    std::map<std::string, Decoded> next;
    for (const watch::ScannedDirectory& directory : scan.directories) {
        if (!directory.problem.empty()) {
            desired.unreadable_directories.push_back(directory.path);
            // Its files are unknown, not gone: what was decoded stays good.
            for (auto& [path, decoded] : cache_) {
                if (path.starts_with(directory.path + "/")) next.emplace(path, decoded);
            }
            continue;
        }
        for (const watch::ScannedFile& file : directory.files) {
            const auto known = cache_.find(file.path);
            const auto defaults = directory.defaults ? directory.defaults->text : nullptr;
            const bool is_fresh = known != cache_.end() && known->second.text == file.text &&
                                  known->second.defaults == defaults && known->second.uid == file.uid &&
                                  known->second.gid == file.gid && known->second.effective &&
                                  !config::has_errors(known->second.diagnostics) && !config::has_errors(file.findings) &&
                                  (!directory.defaults || !config::has_errors(directory.defaults->findings));
            Decoded decoded = is_fresh ? std::move(known->second) : decode(file, directory.defaults);
            desired.files.push_back({file.name, file.path, file.stamp, decoded.effective ? decoded.identity.uid : file.uid,
                                     decoded.effective ? decoded.identity.gid : file.gid, decoded.effective,
                                     decoded.diagnostics, watched_by(decoded.effective.get(), decoded.identity)});
            next.insert_or_assign(file.path, std::move(decoded));
        }
    }
    cache_ = std::move(next);

    // Two files of one name are one vassal that is invalid anyway: the first one stands for it.
    std::vector<config::Claim> claims;
    std::set<std::string_view> names;
    std::set<std::string> undecided;
    for (plan::DesiredFile& file : desired.files) {
        if (file.effective && file.effective->config.enabled && names.insert(file.name).second)
            claims.push_back({file.name, file.effective.get(), &file.diagnostics});
        if (!file.effective || config::has_errors(file.diagnostics)) undecided.insert(file.name);
        // Its own, also before its first start.
        holders.addresses.emplace(sockets_directory_ + "/" + file.name + ".sock", file.name);
    }
    config::verify_claims(claims, holders.addresses);
    config::verify_host_claims(claims, holders.hosts, undecided);
    for (plan::DesiredFile& file : desired.files) {
        if (config::has_errors(file.diagnostics)) file.effective = nullptr;
    }
    return desired;
}

}  // namespace emperor::fleet
