// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/render_log.h"

#include <array>

#include "common/log/line_level.h"
#include "emperor/ctl/fields.h"
#include "emperor/ctl/table.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

// The same app has the same colour in every run. Red and yellow say how serious a line is.
Color color_of(const std::string& app) {
    static constexpr std::array colors = {Color::cyan, Color::magenta, Color::green, Color::blue};
    std::uint32_t hash = 2166136261u;  // FNV-1a
    for (const char c : app) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return colors[hash % colors.size()];
}

Color color_of(common::log::Level level) {
    switch (level) {
        case common::log::Level::debug: return Color::dim;
        case common::log::Level::info: return Color::none;
        case common::log::Level::warn: return Color::yellow;
        case common::log::Level::error: return Color::red;
    }
    return Color::none;
}

}  // namespace

std::string render_log_line(const std::string& app, const Json& line, bool is_colored) {
    const std::string text = text_at(line, "text");
    std::string who = harmless(app);
    if (const std::int64_t worker = number_at(line, "worker"); worker > 0) who += "[" + std::to_string(worker) + "]";
    std::string shown = paint(time_text(number_at(line, "time_us")), Color::dim, is_colored) + " " +
                        paint(who, color_of(app), is_colored);
    if (const std::int64_t dropped = number_at(line, "dropped"); dropped > 0)
        shown += " (" + std::to_string(dropped) + " lines lost)";
    return shown + " | " +
           paint(harmless(text, true), color_of(common::log::level_of_line(text)), is_colored) + "\n";
}

}  // namespace emperor::ctl
