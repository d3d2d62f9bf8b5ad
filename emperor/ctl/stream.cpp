// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/stream.h"

#include <poll.h>

#include <map>
#include <vector>

#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

constexpr std::chrono::seconds patience_with_restart{60};
constexpr int pause_ms = 100;  // between attempts

class Reader {
public:
    Reader(const Context& context, const Stream& stream) : context_(context), stream_(stream), shown_(context.now_us) {}

    int run() {
        Answer<Client> first = connect(stream_.arguments, context_.deadline(query_timeout));
        if (const auto* error = std::get_if<CallError>(&first)) return report(context_, *error);
        show_list();
        while (stream_.follows && context_.out) {
            const CallError end = follow(std::get<Client>(first));
            if (!context_.out) break;
            if (end.code != ExitCode::not_reachable) return report(context_, end);
            first = wait_for_emperor(end);
            if (const auto* error = std::get_if<CallError>(&first)) return report(context_, *error);
        }
        return exit_with(ExitCode::done);
    }

private:
    // Asks; the list is in list_ afterwards.
    Answer<Client> connect(const Json& arguments, Deadline deadline) {
        Answer<Client> connected = Client::connect(context_.control_path(), deadline);
        if (std::holds_alternative<CallError>(connected)) return connected;
        auto& client = std::get<Client>(connected);
        const bool is_again = has_list_;
        if (is_again) {
            // One that has not looked at its directories does not know all apps yet.
            const Answer<Json> facts = client.call("version", Json::object(), deadline);
            if (const auto* error = std::get_if<CallError>(&facts)) return *error;
            if (!std::get<Json>(facts).value("has_scanned", true))
                return CallError{ExitCode::not_reachable, "it has just begun", {}, {}};
        }
        const Answer<Json> answer = client.call(stream_.command, arguments, deadline);
        if (const auto* error = std::get_if<CallError>(&answer)) return *error;
        list_ = std::get<Json>(answer).value(stream_.list_key, Json::array());
        has_list_ = true;
        shown_.connected();
        return connected;
    }

    void show_list() {
        std::vector<const Json*> wanted;
        for (const Json& item : list_)
            if (shown_.listed(stream_.item_of(item)) && stream_.is_wanted(item)) wanted.push_back(&item);
        for (std::size_t at = wanted.size() > stream_.limit ? wanted.size() - stream_.limit : 0; at < wanted.size(); ++at)
            stream_.show(*wanted[at]);
        context_.out.flush();
    }

    // Until the connection ends or says something that is no item; why.
    CallError follow(Client& client) {
        while (context_.out) {
            const Answer<Json> next = client.next(Deadline::max());
            if (const auto* error = std::get_if<CallError>(&next)) return *error;
            const auto& message = std::get<Json>(next);
            const auto item = message.find(stream_.item_key);
            if (item == message.end() || !shown_.followed(stream_.item_of(*item)) || !stream_.is_wanted(*item)) continue;
            stream_.show(*item);
            context_.out.flush();
        }
        return {};
    }

    Answer<Client> wait_for_emperor(const CallError& end) {
        context_.err << "emperorctl: " << end.message << "; waiting for it to come back" << std::endl;
        const Deadline deadline = context_.deadline(patience_with_restart);
        Json arguments = stream_.arguments;
        arguments["lines"] = 1'000'000;
        arguments["since_us"] = shown_.since_us();
        for (;;) {
            Answer<Client> again = connect(arguments, std::min(deadline, std::chrono::steady_clock::now() + query_timeout));
            if (std::holds_alternative<Client>(again)) {
                context_.err << "emperorctl: connected again" << std::endl;
                show_missed();
                return again;
            }
            const auto& error = std::get<CallError>(again);
            // The apps may not be known yet. Whoever may not ask any more is told so.
            const bool may_change = error.code != ExitCode::not_permitted && error.code != ExitCode::usage;
            if (!may_change || std::chrono::steady_clock::now() >= deadline) return again;
            ::poll(nullptr, 0, pause_ms);
        }
    }

    void show_missed() {
        std::map<std::string, std::size_t> missed;
        for (const Json& json : list_) {
            const Item item = stream_.item_of(json);
            if (!shown_.listed(item)) continue;
            if (++missed[item.app] == stream_.kept)
                context_.err << "emperorctl: of " << harmless(item.app) << " the last " << stream_.kept
                             << " are known; what came before them meanwhile is not shown" << std::endl;
            if (stream_.is_wanted(json)) stream_.show(json);
        }
        context_.out.flush();
    }

    const Context& context_;
    const Stream& stream_;
    Shown shown_;
    Json list_;
    bool has_list_ = false;
};

}  // namespace

int run_stream(const Context& context, const Stream& stream) { return Reader(context, stream).run(); }

}  // namespace emperor::ctl
