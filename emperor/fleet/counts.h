// SPDX-License-Identifier: Apache-2.0
// How often a vassal was restarted and reloaded, and since when it is in the state that is shown, or cannot serve: kept
// over emperors in vassals/NAME/counts.json, replaced atomically with every change. The file lies in the emperor's own
// directory; one that is not understood counts as none. What cannot be written is kept in memory. Owned by the vassal's
// host.
#pragma once

#include <cstdint>
#include <string>

namespace emperor::fleet {

class Counts {
public:
    // Reads what a former emperor wrote into this directory; it need not exist. Empty: in memory only, until move_to().
    explicit Counts(std::string directory);

    void add_restart();
    void add_reload();
    // The state that is shown from now on; `since_us` as in VassalView.
    void show(const std::string& state, std::int64_t since_us);

    // Since when it cannot serve and starts of it fail; 0: it is not so. Written when it is another.
    void set_failing_since(std::int64_t since_us);

    [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_; }
    [[nodiscard]] std::uint64_t reloads() const noexcept { return reloads_; }
    [[nodiscard]] const std::string& state() const noexcept { return state_; }
    [[nodiscard]] std::int64_t since_us() const noexcept { return since_us_; }
    [[nodiscard]] std::int64_t failing_since_us() const noexcept { return failing_since_us_; }

    void move_to(std::string directory);
    // Once more: somebody removed it.
    void write() const;

private:
    void read();

    std::string directory_;
    std::uint64_t restarts_ = 0, reloads_ = 0;
    std::string state_;
    std::int64_t since_us_ = 0, failing_since_us_ = 0;
};

}  // namespace emperor::fleet
