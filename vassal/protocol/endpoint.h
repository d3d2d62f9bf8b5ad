// SPDX-License-Identifier: Apache-2.0
// One end of a connection as the environ shows it: address and port as text. A value of fixed size; the kernel's
// addresses and those of the PROXY protocol are written the same way.
#pragma once

#include <cstdint>
#include <string_view>

namespace vassal::protocol {

class Endpoint {
public:
    // `family` AF_INET or AF_INET6, the address in network order, the port in the host's. Others: as a unix socket.
    void set(int family, const void* address, std::uint16_t port) noexcept;
    void clear() noexcept { address_size_ = port_size_ = 0; }

    // Empty on unix sockets.
    [[nodiscard]] std::string_view address() const noexcept { return {address_, address_size_}; }
    [[nodiscard]] std::string_view port() const noexcept { return {port_, port_size_}; }

private:
    char address_[46] = {};
    char port_[6] = {};
    std::uint8_t address_size_ = 0;
    std::uint8_t port_size_ = 0;
};

}  // namespace vassal::protocol
