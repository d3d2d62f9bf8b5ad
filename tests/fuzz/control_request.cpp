// SPDX-License-Identifier: Apache-2.0
// Lines of the control socket, which any local user may write to: answered in one line, whatever they hold, and a request
// that was understood reads the same when it is written anew.
#include <algorithm>
#include <string>
#include <variant>

#include "emperor/control/request.h"
#include "tests/fuzz/target.h"

using namespace emperor::control;

namespace {

void check_line(const std::string& line) {
    fuzz::require(std::ranges::count(line, '\n') == 1 && line.ends_with('\n'), "an answer is one line");
    fuzz::require(Json::accept(line), "an answer is JSON");
}

std::string written(const Request& request) {
    Json args = Json::object();
    if (!request.apps.empty()) args["apps"] = request.apps;
    if (!request.waits) args["wait"] = false;
    if (request.follows) args["follow"] = true;
    if (request.command == Command::logs) args["lines"] = request.lines;
    Json line = {{"command", name_of(request.command)}, {"args", args}};
    if (!request.id.is_null()) line["id"] = request.id;
    return line.dump();
}

void check(const Request& request) {
    check_line(encode_result(request.id, nullptr));
    fuzz::require(request.lines >= 0 && request.apps.size() <= 1000, "what a request may ask for is bounded");
    const auto again = decode_request(written(request));
    const auto* same = std::get_if<Request>(&again);
    fuzz::require(same != nullptr, "what was understood is understood again");
    fuzz::require(same->id == request.id && same->command == request.command && same->apps == request.apps &&
                      same->waits == request.waits && same->follows == request.follows && same->lines == request.lines,
                  "what was understood reads the same again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto decoded = decode_request(fuzz::text_of(data, size));
    if (const auto* error = std::get_if<RequestError>(&decoded)) {
        fuzz::require(!error->message.empty(), "a refusal has a reason");
        check_line(encode_error(*error));
        check_line(encode_failure(*error, Json::object()));
    } else {
        check(std::get<Request>(decoded));
    }
    return 0;
}
