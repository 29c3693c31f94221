// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Every bound on what one party can make another keep, each with its reason. Units are in the
// names.

#include <cstddef>
#include <cstdint>

namespace headgate::limits {

// --- HTTP from clients
/// Agents send up to a dozen cookies and tracing headers; 100 leaves room and stops header floods.
inline constexpr std::size_t headersMax = 100;
/// Larger heads come from attacks or broken proxies; 32 KiB is what common servers take.
inline constexpr std::size_t headBytesMax = 32 * 1024;
/// Long agent conversations with images reach 20 MB; beyond this memory is at stake.
inline constexpr std::size_t bodyBytesMax = 64 * 1024 * 1024;
/// What all request bodies being read may hold together.
inline constexpr std::size_t bodyBytesTotalMax = 512 * 1024 * 1024;
/// A client must finish its head, and its body, at no less than this pace.
inline constexpr int headTimeoutMs = 10'000;
inline constexpr int bodyTimeoutMs = 60'000;
/// A refused request's body is read and thrown away up to here, so that its sender gets to read the
/// answer; who sends more has it reset.
inline constexpr std::size_t lingerBytesMax = 8 * 1024 * 1024;
/// An idle keep-alive connection costs a socket.
inline constexpr int keepAliveIdleMs = 75'000;
/// A client that does not read its answer for this long is gone.
inline constexpr int clientWriteTimeoutMs = 60'000;
inline constexpr std::size_t connectionsMax = 20'000;
/// Requests admitted at once; above it clients get 503 with a short retry-after.
inline constexpr std::size_t requestsInFlightMax = 10'000;

// --- HTTP to providers
inline constexpr int connectTimeoutMs = 10'000;
/// Reasoning models think for minutes before the first byte.
inline constexpr int firstByteTimeoutMs = 600'000;
inline constexpr int idleTimeoutMs = 120'000;
/// A provider that does not count a prompt's tokens by then is not waited for: it is counted here.
inline constexpr int tokenCountTimeoutMs = 10'000;
/// After the client left, the provider is read on for its usage this long.
inline constexpr int drainTimeoutMs = 30'000;
inline constexpr std::size_t answerBytesMax = 256 * 1024 * 1024;
/// Text of an answer kept for an estimate when usage is missing; 4 MiB is a million tokens.
inline constexpr std::size_t textKeptBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t sseLineBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t relayBufferBytes = 16 * 1024;
inline constexpr std::size_t upstreamIdlePerHostMax = 256;
/// As many as requests in flight: each stream to one provider is a connection of its own.
inline constexpr std::size_t upstreamConnectionsPerProviderMax = 10'000;
/// Files the program may have open: two sockets a request in flight and some of its own.
inline constexpr std::size_t openFilesMax = 65'536;
/// Requests waiting for a place at one provider; each holds its money while it waits.
inline constexpr std::size_t upstreamQueueMax = 1'000;
/// Well below holdTtlMs, so that no hold ends while its request waits.
inline constexpr int upstreamQueueMs = 30'000;

/// Other keys, models and providers tried after one that took nothing; each with a hold of its own.
inline constexpr int fallbacksMax = 4;
/// Keys of one provider that take turns; each costs a look at its health.
inline constexpr std::size_t keysPerProviderMax = 16;

// --- JSON
inline constexpr std::size_t jsonDepthMax = 256;
inline constexpr std::size_t messagesMax = 20'000;
inline constexpr std::size_t toolsMax = 2'000;

// --- routing
/// Models with learned margins: some 33 KB each at most, 67 MB in all; catalogs have dozens.
inline constexpr std::size_t marginModelsMax = 2'000;
/// Sessions that the loop detector watches, the least recently used forgotten first: with the two
/// below some 13 MB at the default of 20 repeats.
inline constexpr std::size_t loopSessionsMax = 8'192;
/// Different requests remembered of each: an agent that goes round in a circle of more than eight
/// steps changes its conversation on the way.
inline constexpr std::size_t loopRequestsPerSessionMax = 8;
/// Stateful responses whose provider and size are remembered: some 20 MB.
inline constexpr std::size_t responsePinsMax = 65'536;
/// Uses of provider-run tools that a request without a limit of its own is given: each is bounded
/// by a whole context, so that more would hold more money than most pools have.
inline constexpr int hostedUsesDefault = 4;
/// Upper end of what an operator may set.
inline constexpr int loopRepeatsMax = 1'000;

// --- ledger
inline constexpr std::size_t ledgerQueueMax = 65'536;
inline constexpr std::size_t ledgerBatchMax = 512;
/// How long a request waits inside the proxy for money that is only held.
inline constexpr int inFlightWaitMs = 15'000;
inline constexpr int holdTtlMs = 120'000;
inline constexpr std::size_t poolsMax = 10'000;
/// Ended holds kept to answer a repeated request id and to add up one operation: a minute at two
/// thousand requests a second, some 25 MB.
inline constexpr std::size_t endedHoldsMax = 131'072;
/// Interned account sets kept; a forgotten one is simply made again.
inline constexpr std::size_t accountSetsInMemoryMax = 65'536;
/// Accounts kept in memory (some 60 MB); idle ones beyond it are read again when needed.
inline constexpr std::size_t accountsInMemoryMax = 262'144;
/// Accounts of one pool that are read at start; others are read when they are first used.
inline constexpr int accountsLoadedMax = 100'000;
/// Journal lines read to tell how fast money is spent now: a tenth of a second of work.
inline constexpr std::int64_t journalLinesReadMax = 100'000;

// --- activity
inline constexpr std::size_t activityQueueMax = 65'536;
inline constexpr int activityFlushMs = 20;
inline constexpr std::size_t activityBatchMax = 512;
inline constexpr std::size_t pageRowsMax = 1'000;

// --- names and texts an operator or client can set
inline constexpr std::size_t nameBytesMax = 128;
inline constexpr std::size_t scopeValueBytesMax = 256;
inline constexpr std::size_t requestIdBytesMax = 256;
inline constexpr std::size_t tagsMax = 16;
inline constexpr std::size_t keysMax = 100'000;

// --- prices
/// A region's factor; the dearest known is ×1.1, and a list that says ×10 is wrong.
inline constexpr int geoPermilleMax = 10'000;
/// No token costs more than ten cents; the dearest model ever listed was $600 a million. A list
/// with more has its prices in another unit.
inline constexpr std::int64_t pricePicoPerTokenMax = 100'000'000'000;
/// A hosted tool, an image or a call above this is an error of the list.
inline constexpr std::int64_t feeNanoMax = 100'000'000'000;
/// The longest of the public lists is 5 MB (2026).
inline constexpr std::size_t priceListBytesMax = 64 * 1024 * 1024;
/// Ten times what the longest list has.
inline constexpr std::size_t priceListModelsMax = 100'000;
/// A price that moves by more than this factor is more likely a mistake of units than news.
inline constexpr int priceChangeFactorMax = 100;
/// Older prices are shown with a warning: providers change theirs every few months.
inline constexpr int priceAgeWarnDays = 45;
/// Fetching a list by URL gives up after this.
inline constexpr int priceListFetchMs = 60'000;

// --- control socket
inline constexpr std::size_t controlLineBytesMax = 16 * 1024 * 1024;

} // namespace headgate::limits
