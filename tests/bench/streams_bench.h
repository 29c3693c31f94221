// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Streams through the real program beside nginx: CPU an event while nothing but events flows, and
// memory an open stream. Nothing is asserted about time.

namespace headgate::bench {

/// The exit code: 0 when every event of every stream arrived.
[[nodiscard]] int runStreamsBench(bool json);

} // namespace headgate::bench
