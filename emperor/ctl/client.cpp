// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "emperor/ctl/wait.h"

namespace emperor::ctl {

namespace {

constexpr std::size_t max_answer_size = 256u << 20;

CallError error_of(ExitCode code, std::string message) { return {code, std::move(message), {}, {}}; }

CallError unreachable(const std::string& path, int number) {
    const std::string reason = std::error_code(number, std::system_category()).message();
    if (number == EACCES || number == EPERM)
        return error_of(ExitCode::not_permitted, "may not connect to " + path + ": " + reason);
    return error_of(ExitCode::not_reachable,
                    "no emperor answers on " + path + ": " + reason +
                        "\nstart one with `emperor --vassals DIR`, or name its directory with --runtime-dir");
}

ExitCode exit_code_of(const std::string& code) {
    if (code == "not_permitted") return ExitCode::not_permitted;
    if (code == "no_such_app") return ExitCode::no_such_app;
    if (code == "bad_request" || code == "unknown_command") return ExitCode::usage;
    return ExitCode::failed;
}

Answer<Json> result_of(Json& answer) {
    if (answer.value("ok", false)) return std::move(answer["result"]);
    const Json error = answer.value("error", Json::object());
    CallError failure = error_of(exit_code_of(error.value("code", "")), error.value("message", "the emperor refused"));
    for (const Json& name : error.value("nearest", Json::array()))
        if (name.is_string()) failure.nearest.push_back(name.get<std::string>());
    failure.result = answer.value("result", Json());
    return failure;
}

}  // namespace

Answer<Client> Client::connect(const std::string& path, Deadline deadline) {
    common::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return unreachable(path, errno);
    for (;;) {
        const int number = connect_unix(fd.get(), path);
        if (number == 0) return Client(std::move(fd), path);
        if (number != EAGAIN) return unreachable(path, number);  // EAGAIN: its queue is full
        if (remaining(deadline) < 0) return error_of(ExitCode::timed_out, "the emperor on " + path + " is too busy");
        ::poll(nullptr, 0, 20);
    }
}

Answer<Json> Client::call(const std::string& command, const Json& args, Deadline deadline) {
    const std::string line =
        Json{{"id", 1}, {"command", command}, {"args", args}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
        const ssize_t size = ::send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (size >= 0) sent += static_cast<std::size_t>(size);
        else if (errno == EPIPE) break;  // it may have said why before it closed
        else if (errno != EAGAIN && errno != EINTR) return unreachable(path_, errno);
        else if (!wait_for(fd_.get(), POLLOUT, deadline)) return error_of(ExitCode::timed_out, "the emperor does not read");
    }
    Answer<Json> answer = next(deadline);
    if (std::holds_alternative<CallError>(answer)) return answer;
    return result_of(std::get<Json>(answer));
}

Answer<Json> Client::next(Deadline deadline) {
    std::size_t seen = 0;
    for (;;) {
        if (const auto end = input_.find('\n', seen); end != std::string::npos) {
            Json line = Json::parse(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
            input_.erase(0, end + 1);
            if (!line.is_object()) return error_of(ExitCode::failed, "what answers on " + path_ + " is not an emperor");
            return line;
        }
        seen = input_.size();
        if (seen > max_answer_size) return error_of(ExitCode::failed, "the answer is too long");
        std::array<char, 16384> chunk;
        const ssize_t size = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
        if (size > 0) input_.append(chunk.data(), static_cast<std::size_t>(size));
        else if (size == 0) return error_of(ExitCode::not_reachable, "the emperor closed the connection");
        else if (errno != EAGAIN && errno != EINTR) return unreachable(path_, errno);
        else if (!wait_for(fd_.get(), POLLIN, deadline)) return error_of(ExitCode::timed_out, "no answer in time");
    }
}

}  // namespace emperor::ctl
