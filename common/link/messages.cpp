// SPDX-License-Identifier: Apache-2.0
// Messages of the link as they are read: the other side is not trusted. Writing them: messages_encode.cpp.
#include "common/link/messages.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/link/channel.h"
#include "common/link/message_texts.h"

namespace common::link {

namespace {

using nlohmann::json;

// Deeper than any canonical document; recursion over a message (copy, dump) stays shallow.
constexpr int max_depth = 32;

bool is_too_deep(std::string_view text) noexcept {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth) return true;
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return false;
}

// Reads fields of one object and remembers the first that is missing or of another type.
class Reader {
public:
    explicit Reader(json& object) : object_(object) {}

    void integer(const char* key, auto& out) {
        using T = std::remove_reference_t<decltype(out)>;
        const json* value = find(key);
        if (value == nullptr) return;
        if (value->is_number_unsigned()) {
            const auto number = value->template get<std::uint64_t>();
            if (std::in_range<T>(number)) return static_cast<void>(out = static_cast<T>(number));
        } else if (value->is_number_integer()) {
            const auto number = value->template get<std::int64_t>();
            if (std::in_range<T>(number)) return static_cast<void>(out = static_cast<T>(number));
        }
        wrong(key);
    }
    // A field that older peers do not send: 0 then.
    void optional_integer(const char* key, auto& out) {
        out = 0;
        if (object_.contains(key)) integer(key, out);
    }
    void text(const char* key, std::string& out) {
        const json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_string()) return wrong(key);
        out = value->get_ref<const std::string&>();
    }
    void boolean(const char* key, bool& out) {
        const json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_boolean()) return wrong(key);
        out = value->get<bool>();
    }
    void optional_texts(const char* key, std::vector<std::string>& out) {
        if (object_.contains(key)) texts(key, out);
    }
    void texts(const char* key, std::vector<std::string>& out) {
        const json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_array() || value->size() > max_packet_fds) return wrong(key);
        for (const json& element : *value) {
            if (!element.is_string()) return wrong(key);
            out.push_back(element.get_ref<const std::string&>());
        }
    }
    void object(const char* key, json& out) {
        json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_object()) return wrong(key);
        out = std::move(*value);
    }
    void identity(const char* key, config::Identity& out) {
        json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_object()) return wrong(key);
        Reader fields(*value);
        fields.integer("uid", out.uid);
        fields.integer("gid", out.gid);
        fields.text("user", out.user);
        fields.text("home", out.home);
        json* groups = fields.find("groups");
        if (fields.error_ || !groups->is_array()) return wrong(key);
        for (json& group : *groups) {
            if (!group.is_number_unsigned() || !std::in_range<gid_t>(group.get<std::uint64_t>())) return wrong(key);
            out.groups.push_back(group.get<gid_t>());
        }
    }
    void status(const char* key, ExitStatus& out) {
        json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_object()) return wrong(key);
        Reader fields(*value);
        std::string kind;
        fields.text("kind", kind);
        fields.integer("value", out.value);
        if (fields.error_ || out.value < 0 || out.value > 255) return wrong(key);
        // Younger than the version of the protocol, hence left away where it is not so.
        if (const auto flag = value->find("out_of_memory"); flag != value->end()) out.is_out_of_memory = *flag == true;
        if (kind == "exited")
            out.kind = ExitStatus::Kind::exited;
        else if (kind == "signaled")
            out.kind = ExitStatus::Kind::signaled;
        else if (kind == "unknown")
            out.kind = ExitStatus::Kind::unknown;
        else
            wrong(key);
    }
    template <class Description>
    void description(Description& d) {
        integer("version", d.version);
        text("name", d.name);
        integer("generation", d.generation);
        integer("bank", d.bank);
        object("config", d.config);
        identity("identity", d.identity);
        texts("listeners", d.listeners);
        if (!error_ && d.bank != 0 && d.bank != 1) wrong("bank");
    }
    template <class Message>
    [[nodiscard]] Result<Message> done(auto&& value) const {
        if (error_) return *error_;
        return Message(std::forward<decltype(value)>(value));
    }

private:
    json* find(const char* key) {
        if (error_) return nullptr;
        const auto found = object_.find(key);
        if (found != object_.end()) return &*found;
        error_ = failure(std::string("link message: '") + key + "' is missing");
        return nullptr;
    }
    void wrong(const char* key) {
        if (!error_) error_ = failure(std::string("link message: '") + key + "' has an unexpected value");
    }

    json& object_;
    std::optional<Error> error_;
};

struct Parsed {
    json object;
    std::string type;
};

Result<Parsed> parse(std::string_view payload) {
    if (payload.size() > max_packet_size || is_too_deep(payload)) return failure("link message: too large");
    Parsed parsed;
    parsed.object = json::parse(payload, nullptr, false);
    if (!parsed.object.is_object()) return failure("link message: not a JSON object");
    const auto type = parsed.object.find("type");
    if (type == parsed.object.end() || !type->is_string()) return failure("link message: no type");
    parsed.type = type->get<std::string>();
    return parsed;
}

}  // namespace

Result<EmperorMessage> decode_emperor_message(std::string_view payload) {
    auto parsed = parse(payload);
    if (!parsed) return parsed.error();
    Reader reader(parsed->object);
    if (parsed->type == "start") {
        Start m;
        reader.description(m);
        return reader.done<EmperorMessage>(std::move(m));
    }
    if (parsed->type == "promote") return EmperorMessage(Promote{});
    if (parsed->type == "reopen_logs") return EmperorMessage(ReopenLogs{});
    if (parsed->type == "suspend") return EmperorMessage(Suspend{});
    if (parsed->type == "resume") return EmperorMessage(Resume{});
    if (parsed->type == "stop") {
        Stop m;
        reader.boolean("graceful", m.graceful);
        reader.text("reason", m.reason);
        return reader.done<EmperorMessage>(std::move(m));
    }
    if (parsed->type == "hold") {
        Hold m;
        reader.integer("version", m.version);
        reader.text("name", m.name);
        reader.texts("listeners", m.listeners);
        reader.integer("retry_ms", m.retry_ms);
        return reader.done<EmperorMessage>(std::move(m));
    }
    if (parsed->type == "attach") {
        Attach m;
        reader.integer("version", m.version);
        return reader.done<EmperorMessage>(m);
    }
    if (parsed->type == "reconfigure") {
        Reconfigure m;
        reader.integer("id", m.id);
        reader.boolean("with_workers", m.with_workers);
        reader.object("config", m.config);
        return reader.done<EmperorMessage>(std::move(m));
    }
    return failure("link message: unknown type '" + parsed->type.substr(0, 40) + "'");
}

namespace {

Result<MasterMessage> decode_worker_event(const std::string& type, Reader& reader) {
    if (type == "worker_started") {
        WorkerStarted m;
        reader.integer("worker", m.worker);
        reader.integer("pid", m.pid);
        return reader.done<MasterMessage>(m);
    }
    if (type == "reload_requested") {
        ReloadRequested m;
        reader.integer("worker", m.worker);
        reader.integer("pid", m.pid);
        reader.text("reason", m.reason);
        m.reason = head(m.reason, max_app_words);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "sources_changed") {
        SourcesChanged m;
        reader.text("cause", m.cause);
        m.cause = head(m.cause, max_text);
        reader.optional_texts("files", m.files);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "log_file") {
        LogFile m;
        reader.text("problem", m.problem);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "failed_sources") {
        FailedSources m;
        reader.texts("files", m.files);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "worker_exited") {
        WorkerExited m;
        reader.integer("worker", m.worker);
        reader.integer("pid", m.pid);
        reader.status("status", m.status);
        reader.text("reason", m.reason);
        reader.boolean("expected", m.expected);
        reader.integer("retry_ms", m.retry_ms);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "serving_changed") {
        ServingChanged m;
        reader.boolean("is_serving", m.is_serving);
        reader.text("reason", m.reason);
        reader.integer("retry_ms", m.retry_ms);
        return reader.done<MasterMessage>(std::move(m));
    }
    return failure("link message: unknown type '" + type.substr(0, 40) + "'");
}

}  // namespace

Result<MasterMessage> decode_master_message(std::string_view payload) {
    auto parsed = parse(payload);
    if (!parsed) return parsed.error();
    Reader reader(parsed->object);
    const std::string& type = parsed->type;
    if (type == "hello") {
        Hello m;
        reader.integer("version", m.version);
        reader.integer("pid", m.pid);
        reader.optional_integer("minor", m.minor);
        return reader.done<MasterMessage>(m);
    }
    if (type == "step") {
        Step m;
        reader.text("name", m.name);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "ready") {
        Ready m;
        reader.integer("startup_ms", m.startup_ms);
        return reader.done<MasterMessage>(m);
    }
    if (type == "failed") {
        Failed m;
        reader.text("step", m.step);
        reader.text("reason", m.reason);
        reader.text("detail", m.detail);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "promoted") return MasterMessage(Promoted{});
    if (type == "draining") return MasterMessage(Draining{});
    if (type == "suspended") return MasterMessage(Suspended{});
    if (type == "resumed") return MasterMessage(Resumed{});
    if (type == "stopping") {
        Stopping m;
        reader.text("reason", m.reason);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "snapshot") {
        Snapshot m;
        reader.description(m);
        reader.text("state", m.state);
        reader.optional_integer("minor", m.minor);
        return reader.done<MasterMessage>(std::move(m));
    }
    if (type == "reconfigured") {
        Reconfigured m;
        reader.integer("id", m.id);
        reader.text("outcome", m.outcome);
        reader.text("reason", m.reason);
        m.reason = head(m.reason, max_text);
        return reader.done<MasterMessage>(std::move(m));
    }
    return decode_worker_event(type, reader);
}

}  // namespace common::link
