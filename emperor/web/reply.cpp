// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/reply.h"

#include <memory>
#include <nlohmann/json.hpp>

namespace emperor::web {

using Json = nlohmann::ordered_json;

namespace {

constexpr const char* hidden = "(hidden: needs the token)";

stats::Document document(const Json& json) {
    return std::make_shared<const std::string>(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string code_of(int status) {
    switch (status) {
        case 400: return "bad_request";
        case 401: return "unauthorized";
        case 403: return "not_permitted";
        case 404: return "not_found";
        case 405: return "method_not_allowed";
        case 408: return "timeout";
        case 413: return "too_large";
        case 421: return "wrong_host";
        case 431: return "head_too_large";
        case 503: return "busy";
        default: return "failed";
    }
}

int status_of(const std::string& code) {
    if (code == "no_such_app") return 404;
    if (code == "bad_request" || code == "unknown_command") return 400;
    if (code == "not_permitted") return 403;
    return code == "busy" ? 503 : 409;
}

// The line of the file that a finding is about may be one of `env`.
void hide_source_lines(Json& result) {
    const auto findings = result.find("diagnostics");
    if (findings == result.end() || !findings->is_array()) return;
    for (Json& finding : *findings) {
        const auto text = finding.is_object() ? finding.find("text") : finding.end();
        if (!finding.is_object() || text == finding.end() || !text->is_string()) continue;
        const std::string whole = text->get<std::string>();
        *text = whole.substr(0, whole.find('\n'));
    }
}

// Passwords stand in environments. Names stay: they say what is set, and where.
void hide_environment(Json& result) {
    for (const char* part : {"values", "configuration", "last_good_configuration", "rolled_back_configuration"}) {
        const auto values = result.find(part);
        if (values == result.end() || !values->is_object()) continue;
        const auto environment = values->find("env");
        if (environment == values->end() || !environment->is_object()) continue;
        for (auto& [name, value] : environment->items()) value = hidden;
    }
}

}  // namespace

Reply reply_of(const Refusal& refusal) {
    Reply reply{.status = refusal.status,
                .body = document({{"error", {{"code", code_of(refusal.status)}, {"message", refusal.text}}}})};
    if (refusal.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"emperor\"");
    if (!refusal.allow.empty()) reply.headers.emplace_back("Allow", refusal.allow);
    return reply;
}

Reply reply_of_control(std::string_view line, bool hides_secrets) {
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("ok")) return reply_of(Refusal{500, "no answer"});
    Json& result = json["result"];
    if (hides_secrets && result.is_object()) {
        hide_environment(result);
        hide_source_lines(result);
    }
    if (json["ok"] == true) return {.status = 200, .body = document(result)};
    Json body = {{"error", json["error"]}};
    if (!result.is_null()) body["result"] = result;
    const Json& code = json["error"]["code"];
    return {.status = status_of(code.is_string() ? code.get<std::string>() : ""), .body = document(body)};
}

}  // namespace emperor::web
