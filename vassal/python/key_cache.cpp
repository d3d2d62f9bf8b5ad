// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/key_cache.h"

#include <cstring>

namespace vassal::python {

namespace {

// What nginx's uwsgi_params and fastcgi_params send, and what browsers, proxies and API clients send besides.
constexpr std::string_view usual_keys[] = {
    "REQUEST_METHOD",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "SCRIPT_NAME",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "REQUEST_URI",
    "DOCUMENT_ROOT",
    "DOCUMENT_URI",
    "REQUEST_SCHEME",
    "HTTPS",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REMOTE_USER",
    "SERVER_PORT",
    "SERVER_NAME",
    "SERVER_ADDR",
    "SERVER_SOFTWARE",
    "GATEWAY_INTERFACE",
    "REDIRECT_STATUS",
    "SCRIPT_FILENAME",
    "PATH_TRANSLATED",
    "AUTH_TYPE",
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_CONNECTION",
    "HTTP_COOKIE",
    "HTTP_AUTHORIZATION",
    "HTTP_REFERER",
    "HTTP_ORIGIN",
    "HTTP_CACHE_CONTROL",
    "HTTP_PRAGMA",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_RANGE",
    "HTTP_UPGRADE_INSECURE_REQUESTS",
    "HTTP_DNT",
    "HTTP_TE",
    "HTTP_PRIORITY",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_USER",
    "HTTP_SEC_CH_UA",
    "HTTP_SEC_CH_UA_MOBILE",
    "HTTP_SEC_CH_UA_PLATFORM",
    "HTTP_X_REQUESTED_WITH",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUEST_ID",
    "HTTP_X_CSRFTOKEN",
    "HTTP_FORWARDED",
    "HTTP_TRACEPARENT",
    "HTTP_TRACESTATE",
    "HTTP_VIA",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_EXPECT",
};

bool is_secret(std::string_view key) noexcept {
    return key == "HTTP_COOKIE" || key == "HTTP_AUTHORIZATION" || key == "HTTP_PROXY_AUTHORIZATION";
}

template <class Word>
std::uint64_t load(const char* from) noexcept {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

// Length, head and tail of the name: names that agree in all three are neighbours in the table, no worse.
std::size_t hash_of(std::string_view key) noexcept {
    const char* begin = key.data();
    const std::size_t size = key.size();
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    if (size >= 8) {
        head = load<std::uint64_t>(begin);
        tail = load<std::uint64_t>(begin + size - 8);
    } else if (size >= 4) {
        head = load<std::uint32_t>(begin);
        tail = load<std::uint32_t>(begin + size - 4);
    } else if (size > 0) {
        head = static_cast<unsigned char>(begin[0]);
        tail = static_cast<unsigned char>(begin[size - 1]);
    }
    std::uint64_t mixed = (head + size) * 0x9E3779B97F4A7C15ULL;
    mixed = ((mixed ^ (mixed >> 32U)) + tail) * 0xC2B2AE3D27D4EB4FULL;
    return mixed >> 40U;
}

}  // namespace

PyObject* KeyEntry::text(std::string_view bytes) noexcept {
    if (value != nullptr && bytes_of(value) == bytes) return Py_NewRef(value);
    PyObject* fresh = new_text(bytes);
    if (fresh != nullptr && may_remember(bytes)) {
        Py_XDECREF(value);
        value = Py_NewRef(fresh);
    }
    return fresh;
}

KeyCache::KeyCache() {
    for (const std::string_view key : usual_keys) static_cast<void>(find(key));
}

KeyCache::~KeyCache() {
    for (KeyEntry& entry : entries_) {
        Py_XDECREF(entry.key);
        Py_XDECREF(entry.value);
    }
}

KeyEntry* KeyCache::find(std::string_view key) noexcept {
    std::size_t slot = hash_of(key) % slots;
    // At most 256 of 1024 slots are taken, so a free one ends the walk; names made to collide cost a bounded walk.
    while (table_[slot] != 0) {
        KeyEntry& entry = entries_[table_[slot] - 1U];
        if (bytes_of(entry.key) == key) return &entry;
        slot = (slot + 1) % slots;
    }
    if (used_ == max_cached_keys) return nullptr;
    PyObject* text = new_text(key);
    if (text == nullptr) {
        PyErr_Clear();
        return nullptr;
    }
    PyUnicode_InternInPlace(&text);
    KeyEntry& entry = entries_[used_];
    entry.key = text;
    entry.is_secret = is_secret(key);
    table_[slot] = static_cast<std::uint16_t>(++used_);
    return &entry;
}

}  // namespace vassal::python
