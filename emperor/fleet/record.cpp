// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/record.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/base/unique_fd.h"

namespace emperor::fleet {

using common::Result;
using nlohmann::json;

namespace {

constexpr int record_version = 1;
constexpr std::uintmax_t max_record_size = 4u << 20;

json to_json(const common::config::Identity& identity) {
    return {{"uid", identity.uid}, {"gid", identity.gid}, {"groups", identity.groups}, {"user", identity.user},
            {"home", identity.home}};
}

json to_json(const watch::FileStamp& stamp) {
    return {{"inode", stamp.inode}, {"mtime_ns", stamp.mtime_ns}, {"size", stamp.size}, {"link_inode", stamp.link_inode},
            {"link_mtime_ns", stamp.link_mtime_ns}};
}

json to_json(const watch::WatchedStamps& watched) {
    json object = json::object();
    for (const auto& [path, stamp] : watched) object[path] = to_json(stamp);
    return object;
}

watch::FileStamp stamp_from(const json& stamp) {
    return {stamp.at("inode").get<std::uint64_t>(), stamp.at("mtime_ns").get<std::int64_t>(),
            stamp.at("size").get<std::int64_t>(), stamp.at("link_inode").get<std::uint64_t>(),
            stamp.at("link_mtime_ns").get<std::int64_t>()};
}

json to_json(const Deployment& deployment) {
    return {{"file", deployment.file}, {"stamp", to_json(deployment.stamp)}, {"watched", to_json(deployment.watched)},
            {"identity", to_json(deployment.identity)}, {"config", *deployment.effective->values},
            {"of_file", deployment.of_file ? *deployment.of_file->values : json()}};
}

std::string name_of(const std::string& directory) { return std::filesystem::path(directory).filename().string(); }

std::shared_ptr<const common::config::Effective> effective_from(const json& document) {
    auto effective = std::make_shared<common::config::Effective>();
    effective->values = std::make_shared<const json>(common::config::translated(document));
    auto config = common::config::config_from_json(*effective->values);
    if (!config) throw std::runtime_error(config.error().message());
    effective->config = std::move(*config);
    return effective;
}

json to_json(const RecordedInstance& item) {
    json object = to_json(*item.deployment);
    object.update({{"generation", item.generation}, {"pid", item.pid}, {"start_ticks", item.start_ticks}, {"bank", item.bank},
                   {"state", item.state}, {"started_us", item.started_us}, {"sockets", item.socket_inodes},
                   {"is_settled", item.is_settled}});
    if (item.observed_until_us != 0) object["observed_until_us"] = item.observed_until_us;
    return object;
}

// at() throws on what is missing, get() on what has another type; the readers of files turn that into an error.
DeploymentPtr deployment_from(const json& item) {
    auto deployment = std::make_shared<Deployment>();
    deployment->file = item.at("file").get<std::string>();
    deployment->stamp = stamp_from(item.at("stamp"));
    if (const auto watched = item.find("watched"); watched != item.end())  // younger than the record's version
        for (const auto& [path, stamp] : watched->items()) deployment->watched.emplace(path, stamp_from(stamp));
    const json& identity = item.at("identity");
    deployment->identity = {identity.at("uid").get<uid_t>(), identity.at("gid").get<gid_t>(),
                            identity.at("groups").get<std::vector<gid_t>>(), identity.at("user").get<std::string>(),
                            identity.at("home").get<std::string>()};
    deployment->effective = effective_from(item.at("config"));
    if (const auto of_file = item.find("of_file"); of_file != item.end() && !of_file->is_null())
        deployment->of_file = effective_from(*of_file);
    deployment->spec = make_spec(deployment->effective->config);
    // Its configuration was being replaced in place: the file counts as touched.
    if (!item.value("is_settled", true)) deployment->stamp = {};
    return deployment;
}

RecordedInstance from_json(const json& item) {
    return {item.at("generation").get<supervise::Generation>(), item.at("pid").get<pid_t>(),
            item.at("start_ticks").get<std::uint64_t>(), item.at("bank").get<int>(), item.at("state").get<std::string>(),
            item.at("started_us").get<std::int64_t>(), deployment_from(item),
            item.at("sockets").get<std::vector<std::uint64_t>>(), item.value("observed_until_us", std::int64_t{0}),
            item.value("is_settled", true)};
}

}  // namespace

Result<void> write_atomically(const std::string& directory, const std::string& name, const std::string& text) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return common::system_error("create " + directory);
    const std::string path = directory + "/" + name;
    const std::string temporary = path + ".new";
    common::UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return common::system_error("create " + temporary);
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t written = ::write(file.get(), text.data() + done, text.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return common::system_error("write " + temporary);
        done += static_cast<std::size_t>(written);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) return common::system_error("replace " + path);
    return {};
}

Result<void> write_record(const std::string& directory, const std::vector<RecordedInstance>& instances) {
    if (instances.empty()) {
        ::unlink((directory + "/record.json").c_str());
        return {};
    }
    json document{{"version", record_version}, {"name", name_of(directory)}, {"instances", json::array()}};
    for (const RecordedInstance& item : instances) document["instances"].push_back(to_json(item));
    return write_atomically(directory, "record.json", document.dump(-1, ' ', false, json::error_handler_t::replace));
}

Result<std::vector<RecordedInstance>> read_record(const std::string& directory) {
    const std::string path = directory + "/record.json";
    std::vector<RecordedInstance> instances;
    std::error_code code;
    const auto size = std::filesystem::file_size(path, code);
    if (code == std::errc::no_such_file_or_directory) return instances;
    if (code || size > max_record_size) return common::failure("read " + path + ": not a record");
    std::ifstream in(path);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    try {
        const json document = json::parse(text);
        if (document.at("version").get<int>() != record_version) return common::failure(path + ": of another version");
        // A copy names the original's masters: they are not this vassal's to end. Records of before have no name.
        const std::string name = document.value("name", name_of(directory));
        if (name != name_of(directory)) return common::failure(path + ": this is the record of '" + name + "'");
        for (const json& item : document.at("instances")) instances.push_back(from_json(item));
    } catch (const std::exception& error) {
        return common::failure("read " + path + ": " + error.what());
    }
    return instances;
}

namespace {

void remove_files(const std::string& directory, std::initializer_list<std::string_view> prefixes) noexcept {
    std::error_code code;
    for (std::filesystem::directory_iterator item(directory, code), end; !code && item != end; item.increment(code)) {
        const std::string name = item->path().filename().string();
        for (const std::string_view prefix : prefixes) {
            if (name.starts_with(prefix)) ::unlink(item->path().c_str());
        }
    }
    ::rmdir(directory.c_str());  // fails while something is in it (`held`), as it should
}

}  // namespace

void remove_record(const std::string& directory) noexcept { remove_files(directory, {"record.json", "rendezvous-"}); }

void remove_vassal_directory(const std::string& directory) noexcept {
    remove_files(directory, {"record.json", "rendezvous-", "counts.json"});
}

Result<void> write_rollback(const std::string& directory, const RollbackRecord& record) {
    if (!record.last_good) {
        if (::unlink((directory + "/rollback.json").c_str()) != 0 && errno != ENOENT)
            return common::system_error("remove " + directory + "/rollback.json");
        return {};
    }
    json document{{"version", record_version}, {"last_good", to_json(*record.last_good)}, {"reason", record.reason}};
    if (record.from) document["from"] = to_json(*record.from);
    return write_atomically(directory, "rollback.json", document.dump(-1, ' ', false, json::error_handler_t::replace));
}

RollbackRecord read_rollback(const std::string& directory) {
    const std::string path = directory + "/rollback.json";
    std::error_code code;
    const auto size = std::filesystem::file_size(path, code);
    if (code || size > max_record_size) return {};
    std::ifstream in(path);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    try {
        const json document = json::parse(text);
        if (document.at("version").get<int>() != record_version) return {};
        RollbackRecord record{deployment_from(document.at("last_good")), nullptr, document.at("reason").get<std::string>()};
        if (document.contains("from")) record.from = deployment_from(document.at("from"));
        return record;
    } catch (const std::exception&) {
        return {};
    }
}

std::optional<std::string> read_held(const std::string& directory) {
    constexpr std::size_t most = 512;
    const std::string path = directory + "/held";
    if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
    std::ifstream in(path, std::ios::binary);
    std::string reason(most, '\0');
    in.read(reason.data(), static_cast<std::streamsize>(reason.size()));
    reason.resize(static_cast<std::size_t>(in.gcount()));
    return reason;
}

Result<void> write_held(const std::string& directory, const std::optional<std::string>& reason) {
    if (reason) return write_atomically(directory, "held", *reason);
    if (::unlink((directory + "/held").c_str()) != 0 && errno != ENOENT)
        return common::system_error("remove " + directory + "/held");
    return {};
}

}  // namespace emperor::fleet
