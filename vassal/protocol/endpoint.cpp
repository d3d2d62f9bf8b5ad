// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/endpoint.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace vassal::protocol {

void Endpoint::set(int family, const void* address, std::uint16_t port) noexcept {
    clear();
    in6_addr v6{};
    if (family == AF_INET6) {
        std::memcpy(&v6, address, sizeof v6);
        address = &v6;
        if (IN6_IS_ADDR_V4MAPPED(&v6)) {  // a dual-stack listener's IPv4 peer
            family = AF_INET;
            address = v6.s6_addr + 12;
        }
    } else if (family != AF_INET) {
        return;
    }
    if (::inet_ntop(family, address, address_, sizeof address_) == nullptr) return;
    address_size_ = static_cast<std::uint8_t>(std::strlen(address_));
    port_size_ = static_cast<std::uint8_t>(std::to_chars(port_, port_ + sizeof port_, port).ptr - port_);
}

}  // namespace vassal::protocol
