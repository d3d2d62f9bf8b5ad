// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <tuple>

#include "common/config/decode.h"
#include "common/config/verify.h"
#include "emperor/ctl/rights.h"
#include "emperor/watch/scanner.h"

namespace emperor::ctl {

using common::config::Diagnostic;
using common::config::Diagnostics;

namespace {

// One vassal file of a directory, with what came out of it.
struct Candidate {
    watch::ScannedFile file;
    std::optional<common::config::Effective> effective;
    Diagnostics findings;
    std::optional<common::config::Identity> identity = std::nullopt;
};

std::optional<std::string> own_variable(std::string_view name) {
    const char* value = std::getenv(std::string(name).c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

Diagnostic whole_file(const std::string& file, std::string message) {
    Diagnostic finding;
    finding.file = file;
    finding.message = std::move(message);
    return finding;
}

// Where the address at `index` of `listen` is written; a scalar or the default has only the key's own place.
const common::config::Origin* origin_of_listener(const common::config::Effective& effective, std::size_t index) {
    for (const std::string& path : {"listen." + std::to_string(index), std::string("listen")})
        if (const auto found = effective.origins.find(path); found != effective.origins.end()) return &found->second;
    return nullptr;
}

void check_addresses(Candidate& candidate, const CheckOptions& options) {
    const auto own = options.own_addresses.find(candidate.file.name);
    const auto& listen = candidate.effective->config.listen;
    for (std::size_t at = 0; at < listen.size(); ++at) {
        const std::string text = listen[at].text();
        if (own != options.own_addresses.end() && own->second.contains(text)) continue;
        if (!options.is_in_use(listen[at].address)) continue;
        const std::string by = options.knows_emperor ? "another program listens there"
                                                     : "if the emperor of this file does, name it by --runtime-dir";
        Diagnostic finding = whole_file(candidate.file.path, "listen: address in use: " + text + " (" + by + ")");
        const auto* origin = origin_of_listener(*candidate.effective, at);
        if (origin) {
            finding.file = origin->file;
            finding.position = origin->position;
            finding.source = origin->source;
            finding.width = origin->width;
        }
        candidate.findings.push_back(std::move(finding));
    }
}

void examine(Candidate& candidate, const watch::ScannedDirectory& directory, const CheckOptions& options) {
    candidate.findings = candidate.file.findings;
    if (!candidate.file.text || has_errors(candidate.findings)) return;
    std::optional<common::config::Source> defaults;
    if (directory.defaults && directory.defaults->text && !has_errors(directory.defaults->findings))
        defaults = common::config::Source{directory.defaults->path, *directory.defaults->text};
    // To a tenant's file a root emperor's variables are unknown (law 11).
    const bool is_own = candidate.file.uid == 0 || candidate.file.uid == ::geteuid();
    common::config::DecodeOptions decoding{candidate.file.name, options.runtime_dir + "/sockets", nullptr};
    if (is_own) decoding.variable = own_variable;
    common::config::Decoded decoded =
        common::config::decode({candidate.file.path, *candidate.file.text}, defaults, decoding);
    candidate.findings.insert(candidate.findings.end(), decoded.diagnostics.begin(), decoded.diagnostics.end());
    candidate.effective = std::move(decoded.effective);
    if (!candidate.effective) return;
    const auto identity = common::config::resolve_identity(
        *candidate.effective, {candidate.file.uid, candidate.file.gid, ::geteuid()}, candidate.findings);
    candidate.identity = identity;
    if (identity) {
        const RightsOf rights(*identity);
        common::config::verify_environment(*candidate.effective, *identity, candidate.findings);
        common::config::verify_hosts(*candidate.effective, candidate.findings);
    }
    check_addresses(candidate, options);
}

std::string file_name_of(const Candidate& candidate) { return std::filesystem::path(candidate.file.path).filename().string(); }

// Two files of one name: shop.yaml and shop.yml, or in two directories.
void check_names(std::vector<Candidate>& candidates) {
    for (Candidate& one : candidates)
        for (const Candidate& other : candidates)
            if (&one != &other && one.file.name == other.file.name)
                one.findings.push_back(whole_file(
                    one.file.path, "the vassal '" + one.file.name + "' is also defined by " + other.file.path));
}

void check_claims(std::vector<Candidate>& candidates) {
    std::vector<common::config::Claim> claims;
    std::set<std::string_view> names;  // the first one of a name stands for it
    for (Candidate& candidate : candidates)
        if (candidate.effective && candidate.effective->config.enabled && names.insert(candidate.file.name).second)
            claims.push_back({candidate.file.name, &*candidate.effective, &candidate.findings});
    common::config::verify_claims(claims);
    common::config::verify_host_claims(claims, {}, {});
}

// "shop.yaml" was asked for, not "./shop.yaml".
void strip_current_directory(CheckReport& report) {
    const auto strip = [](std::string& path) {
        if (path.starts_with("./")) path.erase(0, 2);
    };
    for (Diagnostic& one : report.diagnostics) strip(one.file);
    for (std::string& file : report.files) strip(file);
    for (Importable& one : report.importable) strip(one.file);
}

// Names that were asked for and that the scanner did not list.
void report_missing(const std::string& path, const std::set<std::string>& names, CheckReport& report) {
    for (const std::string& name : names) {
        const std::string file = path + (path.ends_with('/') ? "" : "/") + name;
        report.files.push_back(file);
        if (name == "_defaults.yaml") continue;  // it is decoded with every vassal of its directory
        const bool is_there = ::access(file.c_str(), F_OK) == 0;
        report.diagnostics.push_back(whole_file(
            file, is_there ? "not a vassal file: its name must be NAME.yaml or NAME.yml" : "no such file"));
    }
}

// What is asked of one directory: everything (no names), or these file names.
struct Asked {
    std::string path;
    std::set<std::string> only;
};

std::vector<Candidate> look_into(const Asked& asked, const CheckOptions& options, CheckReport& report) {
    watch::Scanner scanner({asked.path}, ::geteuid());
    // A day ahead: nothing is "half-written" and held back, what is on disk now is what is checked.
    const watch::Scan scan = scanner.scan(std::chrono::system_clock::now() + std::chrono::hours(24));
    const watch::ScannedDirectory& directory = scan.directories.front();
    if (!directory.problem.empty()) report.diagnostics.push_back(whole_file(asked.path, directory.problem));
    if (directory.defaults)
        report.diagnostics.insert(report.diagnostics.end(), directory.defaults->findings.begin(),
                                  directory.defaults->findings.end());
    for (const std::string& name : asked.only.empty() ? directory.ignored : std::vector<std::string>()) {
        Diagnostic finding =
            whole_file(directory.path + "/" + name, "is ignored: a vassal's file is named NAME.yaml or NAME.yml");
        finding.severity = Diagnostic::Severity::warning;
        report.diagnostics.push_back(std::move(finding));
    }
    std::vector<Candidate> candidates;
    for (const watch::ScannedFile& file : directory.files) candidates.push_back({file, std::nullopt, {}});
    for (Candidate& candidate : candidates) examine(candidate, directory, options);
    if (!asked.only.empty() && directory.problem.empty()) {
        std::set<std::string> missing = asked.only;
        for (const Candidate& candidate : candidates) missing.erase(file_name_of(candidate));
        report_missing(asked.path, missing, report);
    }
    return candidates;
}

// Vassals of one emperor, then, and what came out is told of those that were asked for.
void judge(std::vector<Candidate> candidates, const std::set<std::string>& only, CheckReport& report) {
    check_names(candidates);
    check_claims(candidates);
    for (const Candidate& candidate : candidates) {
        if (!only.empty() && !only.contains(file_name_of(candidate))) continue;
        report.files.push_back(candidate.file.path);
        report.diagnostics.insert(report.diagnostics.end(), candidate.findings.begin(), candidate.findings.end());
        if (candidate.effective && candidate.identity && !has_errors(candidate.findings))
            report.importable.push_back({candidate.file.path, candidate.file.name,
                                         std::make_shared<common::config::Effective>(*candidate.effective),
                                         *candidate.identity});
    }
}

}  // namespace

std::size_t CheckReport::errors() const {
    return static_cast<std::size_t>(std::count_if(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& one) {
        return one.severity == Diagnostic::Severity::error;
    }));
}

std::size_t CheckReport::files_with_errors() const {
    std::set<std::string> names;
    for (const Diagnostic& one : diagnostics)
        if (one.severity == Diagnostic::Severity::error) names.insert(one.file);
    return names.size();
}

std::string CheckReport::summary() const {
    const auto counted = [](std::size_t count, const std::string& word) {
        return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
    };
    if (errors() > 0) return counted(errors(), "error") + " in " + counted(files_with_errors(), "file");
    return counted(files.size(), "file") + (files.size() == 1 ? " is valid" : " are valid");
}

CheckReport check_paths(const std::vector<std::string>& paths, const CheckOptions& options) {
    CheckReport report;
    std::map<std::string, std::set<std::string>> wanted;  // directory ("": none was written) → file names
    std::set<std::string> whole;
    for (const std::string& path : paths) {
        std::error_code error;
        // "x.yaml" that is a directory inside a vassal directory is a finding; asked for by name it is a directory.
        if (std::filesystem::is_directory(path, error)) {
            whole.insert(path);
            continue;
        }
        const std::filesystem::path file(path);
        wanted[file.parent_path().string()].insert(file.filename().string());
    }
    std::vector<Candidate> fleet;
    for (const std::string& path : whole) {
        std::vector<Candidate> candidates = look_into({path, {}}, options, report);
        if (options.is_one_fleet) std::ranges::move(candidates, std::back_inserter(fleet));
        else judge(std::move(candidates), {}, report);
    }
    judge(std::move(fleet), {}, report);
    for (const auto& [folder, names] : wanted) {
        if (whole.contains(folder)) continue;
        const Asked asked{folder.empty() ? "." : folder, names};
        judge(look_into(asked, options, report), names, report);
    }
    if (wanted.contains("")) strip_current_directory(report);
    const auto place = [](const Diagnostic& one) {
        return std::tie(one.file, one.position.line, one.position.column, one.message);
    };
    std::sort(report.diagnostics.begin(), report.diagnostics.end(),
              [&](const auto& a, const auto& b) { return place(a) < place(b); });
    report.diagnostics.erase(std::unique(report.diagnostics.begin(), report.diagnostics.end()), report.diagnostics.end());
    return report;
}

}  // namespace emperor::ctl
