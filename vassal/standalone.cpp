// SPDX-License-Identifier: Apache-2.0
#include "vassal/standalone.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "common/config/decode.h"
#include "common/config/verify.h"
#include "common/scoreboard/scoreboard.h"

namespace vassal {

namespace {

constexpr int start_failed = 1;
constexpr int bad_configuration = 2;

// The app's module, as far as it makes a name: for `ps` and messages.
std::string name_of(const std::string& app) {
    const std::size_t slash = app.rfind('/');
    const std::string_view rest = std::string_view(app).substr(slash == std::string::npos ? 0 : slash + 1);
    std::string name;
    for (const char c : rest) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') break;
        name.push_back(c);
    }
    name.resize(std::min<std::size_t>(name.size(), 64));
    return name.empty() ? "app" : name;
}

void say(const std::string& text) { std::fprintf(stderr, "vassal: %s\n", text.c_str()); }

std::string url_of(const common::net::ListenAddress& listen) {
    if (listen.protocol != common::net::Protocol::http || listen.address.kind != common::net::Address::Kind::tcp)
        return listen.text();
    common::net::Address address = listen.address;
    if (address.host.empty() || address.host == "0.0.0.0") address.host = "127.0.0.1";
    if (address.host == "::") address.host = "::1";
    return std::string("http://").append(address.text()).append("/");
}

template <class... Ts>
struct overloaded : Ts... {
    using Ts::operator()...;
};

}  // namespace

StandaloneSetup set_up_standalone(const Options& options, SocketFiles& files) {
    common::config::DecodeOptions decoding;
    decoding.name = name_of(options.app);
    decoding.variable = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
    };
    auto decoded = common::config::decode_settings(options.settings, decoding);
    std::optional<common::config::Identity> identity;
    if (decoded.effective) {
        const common::config::Ownership ownership{::geteuid(), ::getegid(), ::geteuid()};
        identity = resolve_identity(*decoded.effective, ownership, decoded.diagnostics);
        if (identity) verify_environment(*decoded.effective, *identity, decoded.diagnostics);
    }
    if (std::string text = render(decoded.diagnostics); !text.empty())
        std::fprintf(stderr, "%s%s", text.c_str(), text.ends_with('\n') ? "" : "\n");
    if (!identity || has_errors(decoded.diagnostics)) return {std::nullopt, bad_configuration};
    if (identity->uid != ::geteuid()) {
        say("'user' is for vassals of an emperor; start this one as that user");
        return {std::nullopt, bad_configuration};
    }

    master::Generation generation;
    generation.name = decoding.name;
    generation.config = decoded.effective->config;
    generation.document = *decoded.effective->values;
    generation.identity = *identity;
    generation.is_standalone = true;
    generation.is_dev = options.is_dev;
    const auto fail = [](const common::Error& error) {
        say(error.message());
        return StandaloneSetup{std::nullopt, start_failed};
    };
    for (const auto& address : generation.config.listen) {
        auto listener = open_listener(address, generation.config.socket);
        if (!listener) return fail(listener.error());
        files.add(listener->address);
        generation.listeners.push_back(std::move(*listener));
    }
    auto scoreboard = common::scoreboard::create(generation.name);
    if (!scoreboard) return fail(scoreboard.error());
    auto mapping = common::scoreboard::map(scoreboard->get());
    if (!mapping) return fail(mapping.error());
    generation.scoreboard_fd = std::move(*scoreboard);
    generation.scoreboard = std::move(*mapping);
    return {std::move(generation), 0};
}

void print_event(const common::link::MasterMessage& message, const std::vector<common::net::ListenAddress>& addresses) {
    std::visit(overloaded{
                   [](const common::link::Failed& failed) {
                       // The traceback, or the command's output, was printed as it came.
                       say("the app could not be started (" + failed.step + "): " + failed.reason);
                   },
                   [&](const common::link::Promoted&) {
                       for (const auto& address : addresses) std::printf("%s\n", url_of(address).c_str());
                       std::fflush(stdout);
                   },
                   [](const common::link::WorkerExited& exited) {
                       if (exited.expected) return;
                       const std::string when = exited.retry_ms < 0    ? "the old one serves on until the next change"
                                                : exited.retry_ms == 0
                                                    ? "a new one starts"
                                                    : "a new one starts in " + std::to_string(exited.retry_ms) + " ms";
                       say("worker " + std::to_string(exited.worker) + " (pid " + std::to_string(exited.pid) +
                           ") ended: " + exited.reason + "; " + when);
                   },
                   [](const common::link::Stopping& stopping) { say("stopping (" + stopping.reason + ")"); },
                   [](const auto&) {},
               },
               message);
}

}  // namespace vassal
