// SPDX-License-Identifier: Apache-2.0
#include "vassal/link/worker_messages.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <type_traits>

namespace vassal::link {
namespace {

constexpr char separator = '\0';
// A traceback can be long; a packet cannot (common/link/channel.h). The end of a traceback is its useful part.
constexpr std::size_t max_field_size = 32 * 1024;

template <class T>
constexpr std::string_view word_of() {
    if constexpr (std::is_same_v<T, Started>) return "started";
    if constexpr (std::is_same_v<T, Ready>) return "ready";
    if constexpr (std::is_same_v<T, Failed>) return "failed";
    if constexpr (std::is_same_v<T, Draining>) return "draining";
    if constexpr (std::is_same_v<T, Unforkable>) return "unforkable";
    if constexpr (std::is_same_v<T, Handover>) return "handover";
    if constexpr (std::is_same_v<T, Adopt>) return "adopt";
    if constexpr (std::is_same_v<T, Adopted>) return "adopted";
    if constexpr (std::is_same_v<T, ReloadWanted>) return "reload";
    if constexpr (std::is_same_v<T, Probing>) return "probing";
    if constexpr (std::is_same_v<T, Sources>) return "sources";
    if constexpr (std::is_same_v<T, Promote>) return "promote";
    if constexpr (std::is_same_v<T, Drain>) return "drain";
    if constexpr (std::is_same_v<T, Stop>) return "stop";
    if constexpr (std::is_same_v<T, ForkWorker>) return "fork";
    if constexpr (std::is_same_v<T, Poke>) return "poke";
    if constexpr (std::is_same_v<T, Suspend>) return "suspend";
}

// NUL separates fields, so it cannot stand inside one.
std::string clean(std::string_view field) {
    std::string text(field.size() > max_field_size ? field.substr(field.size() - max_field_size) : field);
    for (char& c : text) {
        if (c == separator) c = ' ';
    }
    return text;
}

template <class T>
std::string encode_one(const T& message) {
    std::string out(word_of<T>());
    if constexpr (std::is_same_v<T, Started>) out += ' ' + std::to_string(message.pid);
    if constexpr (std::is_same_v<T, Handover>) out += ' ' + std::to_string(message.listener + 1);  // read_number() knows no zero
    if constexpr (std::is_same_v<T, Adopt>) out += ' ' + std::to_string(message.ticket) + ' ' + std::to_string(message.listener);
    if constexpr (std::is_same_v<T, Adopted>) out += ' ' + std::to_string(message.ticket);
    if constexpr (std::is_same_v<T, ForkWorker>)
        out += ' ' + std::to_string(message.worker) + ' ' + std::to_string(message.lane);
    if constexpr (std::is_same_v<T, Drain>) {
        if (message.patience_ms > 0) out += ' ' + std::to_string(message.patience_ms);
    }
    if constexpr (std::is_same_v<T, Unforkable>) out += separator + clean(message.threads);
    if constexpr (std::is_same_v<T, ReloadWanted>) out += separator + clean(message.reason);
    if constexpr (std::is_same_v<T, Probing>) out += separator + clean(message.failure);
    if constexpr (std::is_same_v<T, Sources>) {
        out += separator + std::to_string(message.age_ms);
        for (const std::string& file : message.files) out += separator + file;  // a path has no NUL
    }
    if constexpr (std::is_same_v<T, Failed>) {
        for (const std::string* field : {&message.step, &message.reason, &message.detail}) {
            out += separator;
            out += clean(*field);
        }
    }
    return out;
}

// "WORD N", N a positive number.
bool read_number(std::string_view payload, std::string_view word, int& number) noexcept {
    if (!payload.starts_with(word) || payload.size() <= word.size() + 1 || payload[word.size()] != ' ') return false;
    const char* first = payload.data() + word.size() + 1;
    const char* last = payload.data() + payload.size();
    const auto [end, error] = std::from_chars(first, last, number);
    return error == std::errc() && end == last && number > 0;
}

// "WORD", NUL, text.
std::optional<std::string> read_text(std::string_view payload, std::string_view word) {
    if (!payload.starts_with(word) || payload.size() <= word.size() || payload[word.size()] != separator) return {};
    return std::string(payload.substr(word.size() + 1));
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// "WORD N M", N positive and M not negative.
bool read_numbers(std::string_view payload, std::string_view word, int& number, int& second) noexcept {
    const std::size_t space = payload.rfind(' ');
    if (space == std::string_view::npos || !read_number(payload.substr(0, space), word, number)) return false;
    const char* const last = payload.data() + payload.size();
    const auto [end, error] = std::from_chars(payload.data() + space + 1, last, second);
    return error == std::errc() && end == last && second >= 0;
}

common::Error unknown(std::string_view what, std::string_view payload) {
    return common::failure(std::string(what) + " not understood: '" + clean(payload.substr(0, 40)) + "'");
}

}  // namespace

std::string encode(const WorkerMessage& message) {
    return std::visit([](const auto& one) { return encode_one(one); }, message);
}

std::string encode(const MasterOrder& message) {
    return std::visit([](const auto& one) { return encode_one(one); }, message);
}

std::vector<Sources> in_packets(const std::vector<std::string>& files, int age_ms) {
    std::vector<Sources> packets;
    std::size_t size = max_field_size;
    for (const std::string& file : files) {
        if (file.size() >= max_field_size) continue;
        size += file.size() + 1;
        if (size > max_field_size) {
            packets.emplace_back().age_ms = age_ms;
            size = file.size() + 1;
        }
        packets.back().files.push_back(file);
    }
    return packets;
}

std::string_view write_handover(int listener, std::span<char, handover_size> out) noexcept {
    constexpr std::string_view word = word_of<Handover>();
    char* const begin = std::copy(word.begin(), word.end(), out.data());
    *begin = ' ';
    const auto [end, error] = std::to_chars(begin + 1, out.data() + out.size(), listener + 1);
    return {out.data(), end};
}

common::Result<WorkerMessage> decode_worker_message(std::string_view payload) {
    if (payload == word_of<Ready>()) return WorkerMessage(Ready{});
    if (payload == word_of<Draining>()) return WorkerMessage(Draining{});
    if (int pid = 0; read_number(payload, word_of<Started>(), pid)) return WorkerMessage(Started{pid});
    if (int number = 0; read_number(payload, word_of<Handover>(), number)) return WorkerMessage(Handover{number - 1});
    if (int ticket = 0; read_number(payload, word_of<Adopted>(), ticket)) return WorkerMessage(Adopted{ticket});
    if (auto threads = read_text(payload, word_of<Unforkable>())) return WorkerMessage(Unforkable{std::move(*threads)});
    if (auto reason = read_text(payload, word_of<ReloadWanted>())) return WorkerMessage(ReloadWanted{std::move(*reason)});
    if (auto failure = read_text(payload, word_of<Probing>())) return WorkerMessage(Probing{std::move(*failure)});
    if (const auto text = read_text(payload, word_of<Sources>())) {
        Sources sources{split(*text)};
        std::from_chars(sources.files.front().data(), sources.files.front().data() + sources.files.front().size(),
                        sources.age_ms);
        sources.files.erase(sources.files.begin());
        return WorkerMessage(std::move(sources));
    }
    constexpr std::string_view failed = word_of<Failed>();
    if (payload.starts_with(failed) && payload.size() > failed.size() && payload[failed.size()] == separator) {
        std::array<std::string, 3> fields;
        std::string_view rest = payload.substr(failed.size() + 1);
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const std::size_t end = rest.find(separator);
            if ((end == std::string_view::npos) != (i + 1 == fields.size())) return unknown("worker message", payload);
            fields[i] = std::string(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        }
        return WorkerMessage(Failed{std::move(fields[0]), std::move(fields[1]), std::move(fields[2])});
    }
    return unknown("worker message", payload);
}

common::Result<MasterOrder> decode_master_order(std::string_view payload) {
    if (payload == word_of<Promote>()) return MasterOrder(Promote{});
    if (payload == word_of<Drain>()) return MasterOrder(Drain{});
    if (payload == word_of<Stop>()) return MasterOrder(Stop{});
    if (payload == word_of<Poke>()) return MasterOrder(Poke{});
    if (payload == word_of<Suspend>()) return MasterOrder(Suspend{});
    if (Adopt adopt; read_numbers(payload, word_of<Adopt>(), adopt.ticket, adopt.listener)) return MasterOrder(adopt);
    if (int patience = 0; read_number(payload, word_of<Drain>(), patience)) return MasterOrder(Drain{patience});
    if (ForkWorker fork; read_numbers(payload, word_of<ForkWorker>(), fork.worker, fork.lane) && fork.lane <= 1)
        return MasterOrder(fork);
    return unknown("master's order", payload);
}

}  // namespace vassal::link
