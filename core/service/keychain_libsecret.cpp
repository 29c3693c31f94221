// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/key_vault.h"

#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <future>
#include <thread>

namespace headgate::service {

namespace {

/// A keychain that asks its user something does not answer in time, and nobody waits for it.
constexpr std::chrono::seconds answerWithin{4};

// libsecret's stable C interface, so that neither building nor running needs it or GLib.
struct GError {
    std::uint32_t domain;
    int code;
    char* message;
};
struct SecretSchema {
    const char* name;
    int flags;
    struct {
        const char* name;
        int type;
    } attributes[32];
    int reserved;
    void* reservedPointers[7];
};
constexpr int openSession = 1 << 1;
constexpr int loadNothing = 0;

struct Library {
    void* (*serviceGet)(int flags, void* cancellable, GError** error) = nullptr;
    void* (*collectionForAlias)(
        void* service, const char* alias, int flags, void* cancellable, GError** error)
        = nullptr;
    int (*isLocked)(void* collection) = nullptr;
    int (*store)(const SecretSchema* schema, const char* collection, const char* label,
        const char* password, void* cancellable, GError** error, ...)
        = nullptr;
    char* (*lookup)(const SecretSchema* schema, void* cancellable, GError** error, ...) = nullptr;
    void (*freePassword)(char* password) = nullptr;
    void (*freeError)(GError* error) = nullptr;
    void (*unref)(void* object) = nullptr;
    void (*disconnect)() = nullptr;

    [[nodiscard]] bool isWhole() const
    {
        return serviceGet && collectionForAlias && isLocked && store && lookup && freePassword
            && freeError && unref && disconnect;
    }
};

template <typename F>
void find(void* handle, const char* name, F*& out)
{
    out = reinterpret_cast<F*>(::dlsym(handle, name));
}

/// Loaded once, never unloaded: GLib does not come apart.
const Library* library()
{
    static const Library loaded = [] {
        Library out;
        void* handle = ::dlopen("libsecret-1.so.0", RTLD_NOW | RTLD_LOCAL);
        if (handle != nullptr) {
            find(handle, "secret_service_get_sync", out.serviceGet);
            find(handle, "secret_collection_for_alias_sync", out.collectionForAlias);
            find(handle, "secret_collection_get_locked", out.isLocked);
            find(handle, "secret_password_store_sync", out.store);
            find(handle, "secret_password_lookup_sync", out.lookup);
            find(handle, "secret_password_free", out.freePassword);
            find(handle, "g_error_free", out.freeError);
            find(handle, "g_object_unref", out.unref);
            find(handle, "secret_service_disconnect", out.disconnect);
        }
        return out;
    }();
    return loaded.isWhole() ? &loaded : nullptr;
}

const SecretSchema& schema()
{
    static const SecretSchema made = [] {
        SecretSchema out{};
        out.name = "app.headgate.ProviderKeys";
        out.attributes[0].name = "home"; // one entry a home folder
        return out;
    }();
    return made;
}

/// GLib would start a bus of its own where there is none.
bool hasSessionBus()
{
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
    const char* address = std::getenv("DBUS_SESSION_BUS_ADDRESS");
    if (address != nullptr && *address != '\0') {
        return true;
    }
    const char* folder = std::getenv("XDG_RUNTIME_DIR"); // NOLINT(concurrency-mt-unsafe)
    return folder != nullptr && *folder != '\0'
        && ::access((std::string(folder) + "/bus").c_str(), F_OK) == 0;
}

Error failed(const Library& lib, GError* error, const char* what)
{
    std::string text = what;
    if (error != nullptr) {
        text += error->message == nullptr ? "" : std::string(" (") + error->message + ")";
        lib.freeError(error);
    }
    return Error(ErrorCode::Unavailable, text + ".");
}

/// An unlocked default keyring, or why there is none. A locked one would ask its user.
Result<void> checkUnlocked(const Library& lib)
{
    GError* error = nullptr;
    void* service = lib.serviceGet(openSession, nullptr, &error);
    if (service == nullptr) {
        return failed(lib, error, "it cannot be reached");
    }
    void* collection = lib.collectionForAlias(service, "default", loadNothing, nullptr, &error);
    lib.unref(service);
    if (collection == nullptr) {
        return failed(lib, error, "it has no default keyring");
    }
    const bool locked = lib.isLocked(collection) != 0;
    lib.unref(collection);
    if (locked) {
        return Error(ErrorCode::Unavailable, "it is locked.", "Unlock your keyring.");
    }
    return {};
}

Result<std::string> readNow(const std::string& home)
{
    const auto& lib = *library();
    if (auto fine = checkUnlocked(lib); !fine) {
        return fine.error();
    }
    GError* error = nullptr;
    char* found = lib.lookup(&schema(), nullptr, &error, "home", home.c_str(), nullptr);
    if (error != nullptr) {
        return failed(lib, error, "it cannot be read");
    }
    std::string out = found == nullptr ? "" : found;
    if (found != nullptr) {
        lib.freePassword(found);
    }
    return out;
}

Result<std::string> writeNow(const std::string& home, const std::string& whole)
{
    const auto& lib = *library();
    if (auto fine = checkUnlocked(lib); !fine) {
        return fine.error();
    }
    GError* error = nullptr;
    const std::string label = "Headgate provider keys (" + home + ")";
    const int stored = lib.store(&schema(), "default", label.c_str(), whole.c_str(), nullptr,
        &error, "home", home.c_str(), nullptr);
    if (stored == 0 || error != nullptr) {
        return failed(lib, error, "it cannot be written");
    }
    return std::string();
}

/// libsecret keeps speaking to the keyring it met first: one that was started anew since is found
/// only after its forerunner is forgotten.
template <typename F>
Result<std::string> withFreshService(F&& work)
{
    auto out = work();
    if (!out) {
        library()->disconnect();
        out = work();
    }
    return out;
}

class SystemKeychain final : public Keychain {
public:
    explicit SystemKeychain(std::string home) : m_home(std::move(home)) { }

    Result<Secret> read() override
    {
        auto out = within(
            [home = m_home] { return withFreshService([&home] { return readNow(home); }); });
        if (!out) {
            return out.error();
        }
        return Secret(std::move(*out));
    }

    Result<void> write(const Secret& whole) override
    {
        auto out = within([home = m_home, text = whole.reveal()] {
            return withFreshService([&home, &text] { return writeNow(home, text); });
        });
        return out ? Result<void>() : Result<void>(out.error());
    }

private:
    /// On a thread of its own: one that hangs is left behind, and no second one is sent after it.
    template <typename F>
    Result<std::string> within(F work)
    {
        const Error slow(ErrorCode::Unavailable, "it does not answer in time.");
        if (m_last.valid()
            && m_last.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
            return slow;
        }
        auto promise = std::make_shared<std::promise<Result<std::string>>>();
        m_last = promise->get_future();
        std::thread([promise, work = std::move(work)] { promise->set_value(work()); }).detach();
        if (m_last.wait_for(answerWithin) != std::future_status::ready) {
            return slow;
        }
        return m_last.get();
    }

    std::string m_home;
    std::future<Result<std::string>> m_last;
};

} // namespace

std::unique_ptr<Keychain> openSystemKeychain(const std::string& home)
{
    const char* wish = std::getenv("HEADGATE_KEYS"); // NOLINT(concurrency-mt-unsafe)
    const bool fileOnly = wish != nullptr && std::string_view(wish) == "file";
    if (fileOnly || !hasSessionBus() || library() == nullptr) {
        return nullptr;
    }
    return std::make_unique<SystemKeychain>(home);
}

} // namespace headgate::service
