// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/unix_listener.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "emperor/process/act_as.h"

namespace emperor::process {

using common::Error;
using common::Result;
using common::UniqueFd;

namespace {

struct Owner {
    uid_t uid;
    gid_t gid;
};

// A name or a number.
template <class Lookup>
std::optional<std::uint32_t> id_of(const std::string& text, Lookup lookup) {
    if (const auto found = lookup(text.c_str())) return found;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<std::uint32_t> uid_named(const char* name) {
    const passwd* entry = ::getpwnam(name);
    return entry ? std::optional<std::uint32_t>(entry->pw_uid) : std::nullopt;
}

std::optional<std::uint32_t> gid_named(const char* name) {
    const group* entry = ::getgrnam(name);
    return entry ? std::optional<std::uint32_t>(entry->gr_gid) : std::nullopt;
}

Result<Owner> owner_of(const ListenRequest& request) {
    const bool is_root = ::geteuid() == 0;
    Owner owner{request.identity.uid, request.identity.gid};
    if (!request.owner.empty()) {
        const auto uid = id_of(request.owner, uid_named);
        if (!uid) return common::failure("socket.owner: no such user: " + request.owner);
        owner.uid = *uid;
    }
    if (!request.group.empty()) {
        const auto gid = id_of(request.group, gid_named);
        if (!gid) return common::failure("socket.group: no such group: " + request.group);
        owner.gid = *gid;
    } else if (is_root) {
        if (const auto gid = gid_named("www-data")) owner.gid = *gid;
    }
    return owner;
}

std::string temporary_name() {
    static unsigned counter = 0;
    return ".emperor-" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
}

// Removes the temporary file again, unless it was renamed into place.
struct TemporaryFile {
    int directory;
    std::string name;
    bool exists = false;
    ~TemporaryFile() {
        if (exists) ::unlinkat(directory, name.c_str(), 0);
    }
};

// A non-socket file, or a socket that somebody else listens on, is never replaced.
Result<void> check_place_is_free(int directory, const std::string& name, const std::string& path) {
    struct stat existing {};
    if (::fstatat(directory, name.c_str(), &existing, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return {};
        return common::system_error("look at " + path);
    }
    if (!S_ISSOCK(existing.st_mode)) return common::failure("bind " + path + ": a file that is not a socket is in the way");
    const auto in_use = is_listened_on(directory, name, path);
    if (!in_use) return in_use.error();
    if (*in_use) return common::system_error("bind " + path, EADDRINUSE);
    return {};
}

Result<void> set_owner_and_mode(int inode, const struct stat& found, const ListenRequest& request) {
    const std::string& path = request.address.address.path;
    const auto owner = owner_of(request);
    if (!owner) return owner.error();
    // A plain user can give a socket to his own groups only; the default needs no change then.
    if ((owner->uid != found.st_uid || owner->gid != found.st_gid) &&
        ::fchownat(inode, "", owner->uid, owner->gid, AT_EMPTY_PATH) != 0)
        return common::system_error("set owner of " + path);
    const std::string handle = "/proc/self/fd/" + std::to_string(inode);
    if ((found.st_mode & 07777) != request.mode && ::chmod(handle.c_str(), request.mode) != 0)
        return common::system_error("set mode of " + path);
    return {};
}

// Owner and mode go through an O_PATH handle of the inode that was bound, checked to be the vassal's own socket: a
// tenant who swaps the temporary name cannot have somebody else's file changed.
Result<struct stat> dress(int directory, const std::string& name, const ListenRequest& request) {
    const std::string& path = request.address.address.path;
    UniqueFd inode(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat made {};
    if (!inode || ::fstat(inode.get(), &made) != 0) return common::system_error("look at " + path);
    const uid_t expected = request.with_vassal_rights && ::geteuid() == 0 ? request.identity.uid : ::geteuid();
    if (!S_ISSOCK(made.st_mode) || made.st_uid != expected)
        return common::failure("bind " + path + ": the socket was replaced while it was made");
    if (const auto set = set_owner_and_mode(inode.get(), made, request); !set) return set.error();
    return made;
}

Result<UniqueFd> bind_under(int directory, const std::string& name, const std::string& path) {
    auto address = address_of(directory, name, path);
    if (!address) return address.error();
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return common::system_error("socket for " + path);
    const mode_t before = ::umask(0177);
    const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    const int number = errno;
    ::umask(before);
    if (bound != 0) return common::system_error("bind " + path, number);
    return fd;
}

}  // namespace

Result<sockaddr_un> address_of(int directory, const std::string& name, const std::string& path) {
    const std::string reached = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (reached.size() >= sizeof address.sun_path)
        return common::failure("socket path too long: the last part of " + path + " may have at most 90 bytes");
    std::memcpy(address.sun_path, reached.data(), reached.size());
    return address;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<UniqueFd> open_directory_of(const std::string& path) {
    const std::string directory = path.substr(0, path.rfind('/') + 1);
    UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return common::system_error("bind " + path + ": directory " + directory);
    return fd;
}

Result<bool> is_listened_on(int directory, const std::string& name, const std::string& path) {
    auto address = address_of(directory, name, path);
    if (!address) return address.error();
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return common::system_error("socket for " + path);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0) return true;
    if (errno == EAGAIN || errno == EPROTOTYPE) return true;  // its queue is full; a datagram socket
    if (errno == ECONNREFUSED || errno == ENOENT) return false;
    return common::system_error("bind " + path + ": ask who listens there");
}

Result<BoundFile> listen_on_path(const ListenRequest& request) {
    const std::string& path = request.address.address.path;
    const std::string name = base_name(path);
    BoundFile bound;
    std::optional<ActAs> rights;
    if (request.with_vassal_rights) rights.emplace(request.identity);

    const auto directory = open_directory_of(path);
    if (!directory) return directory.error();
    if (const auto free = check_place_is_free(directory->get(), name, path); !free) return free.error();
    TemporaryFile temporary{directory->get(), temporary_name()};
    auto fd = bind_under(directory->get(), temporary.name, path);
    if (!fd) return fd.error();
    temporary.exists = true;
    rights.reset();
    const auto made = dress(directory->get(), temporary.name, request);
    if (!made) return made.error();
    if (request.with_vassal_rights) rights.emplace(request.identity);

    if (::listen(fd->get(), request.backlog > 0 ? request.backlog : default_backlog()) != 0)
        return common::system_error("listen " + path);
    if (::renameat(directory->get(), temporary.name.c_str(), directory->get(), name.c_str()) != 0)
        return common::system_error("bind " + path);
    temporary.exists = false;
    return BoundFile{std::move(*fd), made->st_dev, made->st_ino};
}

Result<void> dress_socket_file(const ListenRequest& request, dev_t device, ino_t inode) {
    const std::string& path = request.address.address.path;
    std::optional<ActAs> rights;
    if (request.with_vassal_rights) rights.emplace(request.identity);
    const auto directory = open_directory_of(path);
    if (!directory) return directory.error();
    UniqueFd handle(::openat(directory->get(), base_name(path).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    rights.reset();
    struct stat found {};
    if (!handle || ::fstat(handle.get(), &found) != 0) return common::system_error("look at " + path);
    if (!S_ISSOCK(found.st_mode) || found.st_dev != device || found.st_ino != inode) return {};
    return set_owner_and_mode(handle.get(), found, request);
}

void remove_socket_file(const std::string& path, dev_t device, ino_t inode) noexcept {
    const auto directory = open_directory_of(path);
    if (!directory) return;
    const std::string name = base_name(path);
    struct stat found {};
    if (::fstatat(directory->get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(found.st_mode) &&
        found.st_dev == device && found.st_ino == inode)
        ::unlinkat(directory->get(), name.c_str(), 0);
}

}  // namespace emperor::process
