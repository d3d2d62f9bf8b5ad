// SPDX-License-Identifier: Apache-2.0
// Hot path. One thread's records for the access log (common/access): copies what the format asks for into this thread's
// ring, once per answered request. Off without a ring: then it is one branch. Never waits, locks, allocates or formats.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/access/format.h"
#include "common/access/ring.h"
#include "vassal/link/activity.h"
#include "vassal/protocol/protocol.h"

namespace vassal::worker {

// One answered request. Views are valid during the call.
struct Answered {
    const protocol::Head* head = nullptr;  // null: it could not be read
    std::string_view peer;                 // its address, where the head does not say
    std::string_view first_line;           // HTTP without a head: what came in its place
    std::string_view request_id;
    std::string_view fields;  // of AccessFields
    int status = 0;
    std::uint64_t bytes = 0;
    std::int64_t began_us = 0, ended_us = 0;
};

class AccessWriter {
public:
    AccessWriter() = default;
    // `activity` outlives the writer.
    AccessWriter(const common::access::Format& format, const common::access::RingView& ring,
                 const link::Activity* activity);

    [[nodiscard]] bool is_on() const noexcept { return is_on_; }
    [[nodiscard]] bool wants_fields() const noexcept { return wants_fields_; }
    // Only when is_on(). The ring belongs to the calling thread.
    void write(const Answered& answered) noexcept;

private:
    using Values = std::array<std::string_view, common::access::max_copied>;

    struct Variable {
        std::string_view key;  // into copied_
        std::size_t value;     // its place
    };

    // They fill values_. No data: absent.
    void gather(const Answered& answered) noexcept;
    void gather_first_line(const Answered& answered) noexcept;
    void gather_variables(std::span<const app::Param> params) noexcept;
    [[nodiscard]] char* write_values(char* record) const noexcept;

    std::vector<common::access::Copied> copied_;
    Values values_;
    std::vector<Variable> variables_;
    std::uint64_t variable_sizes_ = 0;  // bit n: a variable with n bytes is wanted (63: or more)
    common::access::RingWriter ring_;
    const link::Activity* activity_ = nullptr;
    std::int32_t pid_ = 0;
    bool is_on_ = false;
    bool wants_fields_ = false;
};

}  // namespace vassal::worker
