// SPDX-License-Identifier: Apache-2.0
// emperorctl's side of the control socket: connect, ask, read lines, each before a deadline. Blocking, one request at a
// time. Owned by the command that asks.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "common/base/unique_fd.h"
#include "emperor/ctl/exit_code.h"

namespace emperor::ctl {

using Json = nlohmann::ordered_json;
using Deadline = std::chrono::steady_clock::time_point;

// Why there is no result: what to exit with, and what to say.
struct CallError {
    ExitCode code = ExitCode::failed;
    std::string message;
    std::vector<std::string> nearest;  // of no_such_app
    Json result;                       // of a failed operation: the outcomes of all apps
};

template <class T>
using Answer = std::variant<T, CallError>;

class Client {
public:
    [[nodiscard]] static Answer<Client> connect(const std::string& path, Deadline deadline);

    // The result of one request.
    [[nodiscard]] Answer<Json> call(const std::string& command, const Json& args, Deadline deadline);

    // The next line of a stream.
    [[nodiscard]] Answer<Json> next(Deadline deadline);

private:
    Client(common::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    common::UniqueFd fd_;
    std::string path_;
    std::string input_;
};

}  // namespace emperor::ctl
