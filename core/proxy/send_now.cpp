// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/send_now.h"

#include "core/base/check.h"

#include <algorithm>
#include <array>

#include <sys/socket.h>
#include <sys/uio.h>

namespace headgate::proxy {

std::size_t sendNow(int socket, std::span<const std::string_view> pieces)
{
    HEADGATE_CHECK(pieces.size() <= sendPiecesMax);
    std::array<iovec, sendPiecesMax> vectors{};
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        // The system does not write to what it sends.
        vectors[i].iov_base = const_cast<char*>(pieces[i].data()); // NOLINT(*-const-cast)
        vectors[i].iov_len = pieces[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = pieces.size();
    const auto sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

std::string unsentOf(std::span<const std::string_view> pieces, std::size_t sent)
{
    std::string out;
    for (std::string_view piece : pieces) {
        const auto gone = std::min(sent, piece.size());
        sent -= gone;
        piece.remove_prefix(gone);
        out += piece;
    }
    return out;
}

} // namespace headgate::proxy
