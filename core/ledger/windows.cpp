// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/windows.h"

#include <algorithm>
#include <limits>

namespace headgate::ledger {

namespace {

__extension__ typedef __int128 Wide;

constexpr TimeUs timeMax = std::numeric_limits<TimeUs>::max();

TimeUs timeOf(Wide at)
{
    return static_cast<TimeUs>(std::min<Wide>(at, timeMax));
}

Slot& slotAt(std::vector<Slot>& slots, TimeUs startUs)
{
    const auto place = std::lower_bound(slots.begin(), slots.end(), startUs,
        [](const Slot& slot, TimeUs wanted) { return slot.startUs < wanted; });
    if (place != slots.end() && place->startUs == startUs) {
        return *place;
    }
    return *slots.insert(place, Slot{startUs, {}, {}});
}

void dropEmpty(std::vector<Slot>& slots)
{
    std::erase_if(
        slots, [](const Slot& slot) { return slot.settled.isZero() && slot.toppedUp.isZero(); });
}

/// Takes up to `amount` out of `from`; what is left to take.
Money take(Money& from, Money amount)
{
    const Money taken = std::min(from, amount);
    from = from.minusSaturated(taken);
    return amount.minusSaturated(taken);
}

std::optional<TimeUs> slidingFallsAtUs(
    const Window& window, const std::vector<Slot>& slots, Money need)
{
    Money fallen;
    std::optional<TimeUs> first;
    for (const Slot& slot : slots) {
        if (slot.settled.isZero()) {
            continue;
        }
        const TimeUs leavesAtUs = slotLeavesAtUs(window, slot.startUs);
        first = first ? first : std::optional(leavesAtUs);
        fallen = fallen.plusSaturated(slot.settled);
        if (fallen >= need) {
            return leavesAtUs;
        }
    }
    return first;
}

std::optional<TimeUs> bucketFallsAtUs(
    const Window& window, const Balance& balance, const WindowState& state, Money need)
{
    const Money falls = balance.settled.minusSaturated(balance.toppedUp);
    if (falls <= Money() || window.bucketRefillPerHour <= Money()) {
        return {};
    }
    const Wide wanted = Wide{std::clamp(need, Money::fromNano(1), falls).nano()} * usPerHour;
    const Wide rate = window.bucketRefillPerHour.nano();
    return timeOf(state.anchorUs + (std::max<Wide>(wanted - state.remainder, 0) + rate - 1) / rate);
}

} // namespace

std::int64_t slotLengthUs(const Window& window)
{
    return std::max<std::int64_t>(1, (window.durationUs + slotsPerWindow - 1) / slotsPerWindow);
}

TimeUs slotStartUs(const Window& window, TimeUs at)
{
    return at / slotLengthUs(window) * slotLengthUs(window);
}

TimeUs slotLeavesAtUs(const Window& window, TimeUs startUs)
{
    return startUs + slotLengthUs(window) + window.durationUs;
}

Slot leftAt(const Window& window, const std::vector<Slot>& slots, TimeUs at)
{
    Slot left;
    for (const Slot& slot : slots) {
        if (slotLeavesAtUs(window, slot.startUs) > at) {
            break;
        }
        left.startUs = slot.startUs;
        left.settled = left.settled.plusSaturated(slot.settled);
        left.toppedUp = left.toppedUp.plusSaturated(slot.toppedUp);
    }
    return left;
}

Refill refillAt(const Window& window, const Balance& balance, const WindowState& state, TimeUs at)
{
    Refill refill{{}, std::max(at, state.anchorUs), 0, true};
    const Money falls = balance.settled.minusSaturated(balance.toppedUp);
    if (falls <= Money()) {
        return refill;
    }
    const Wide accrued
        = Wide{window.bucketRefillPerHour.nano()} * (refill.anchorUs - state.anchorUs)
        + state.remainder;
    const Wide whole = accrued / usPerHour;
    if (whole >= falls.nano()) {
        refill.amount = falls;
        return refill;
    }
    refill.isFull = false;
    refill.amount = Money::fromNano(static_cast<std::int64_t>(whole));
    refill.remainder = static_cast<std::int64_t>(accrued % usPerHour);
    return refill;
}

std::int64_t fillTimeUs(const Window& window)
{
    const Wide rate = std::max<std::int64_t>(1, window.bucketRefillPerHour.nano());
    return timeOf((Wide{window.bucketCapacity.nano()} * usPerHour + rate - 1) / rate);
}

Balance balanceAt(const Window& window, const Balance& balance, const WindowState& state, TimeUs at)
{
    Balance now = balance;
    if (window.kind == WindowKind::Sliding) {
        const Slot left = leftAt(window, state.slots, at);
        now.settled = balance.settled.minusSaturated(left.settled);
        now.toppedUp = balance.toppedUp.minusSaturated(left.toppedUp);
    } else if (window.kind == WindowKind::Bucket) {
        now.settled = balance.settled.minusSaturated(refillAt(window, balance, state, at).amount);
    }
    return now;
}

std::optional<TimeUs> fallsAtUs(
    const Window& window, const Balance& balance, const WindowState& state, Money need)
{
    switch (window.kind) {
    case WindowKind::Sliding:
        return slidingFallsAtUs(window, state.slots, need);
    case WindowKind::Bucket:
        return bucketFallsAtUs(window, balance, state, need);
    default:
        return {};
    }
}

bool isSessionOver(const Window& window, TimeUs lastUseUs, bool hasOpenHolds, TimeUs at)
{
    return !hasOpenHolds && at - lastUseUs >= window.durationUs;
}

void addToSlots(const Window& window, std::vector<Slot>& slots, TimeUs at, Money amount)
{
    if (!amount.isNegative()) {
        Slot& slot = slotAt(slots, slotStartUs(window, at));
        slot.settled = slot.settled.plusSaturated(amount);
    } else {
        Money rest = Money().minusSaturated(amount);
        for (Slot& slot : slots) {
            rest = take(slot.settled, rest);
        }
    }
    dropEmpty(slots);
}

void topUpSlots(const Window& window, std::vector<Slot>& slots, TimeUs at, Money amount)
{
    if (!amount.isNegative()) {
        Slot& slot = slotAt(slots, slotStartUs(window, at));
        slot.toppedUp = slot.toppedUp.plusSaturated(amount);
    } else {
        Money rest = Money().minusSaturated(amount);
        for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {
            rest = take(slot->toppedUp, rest);
        }
    }
    dropEmpty(slots);
}

} // namespace headgate::ledger
