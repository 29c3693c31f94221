// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// headgate-sim: runs seeds of the simulator. See README.md.

#include "tests/sim/simulation.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

using namespace headgate;
using namespace headgate::sim;

namespace {

struct Arguments {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    RunOptions run;
    bool isTwice = false;
    bool isQuiet = false;
    bool isWrong = false;
};

template <typename Number>
bool readNumber(std::string_view text, Number& out)
{
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size();
}

/// The first 15 hex digits of a commit are a seed like any other.
bool readSeed(std::string_view text, std::uint64_t& out)
{
    if (text == "commit") {
        const char* commit = std::getenv("HEADGATE_SIM_COMMIT");
        const std::string_view hex = commit != nullptr ? commit : "";
        const auto digits = hex.substr(0, 15);
        if (digits.empty()
            || std::from_chars(digits.data(), digits.data() + digits.size(), out, 16).ec
                != std::errc()) {
            out = 1;
        }
        return true;
    }
    return readNumber(text, out);
}

Arguments readArguments(int count, char** values)
{
    Arguments arguments;
    arguments.isWrong = count < 2;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = values[i];
        const std::string_view value = i + 1 < count ? values[i + 1] : "";
        if (word == "--seed") {
            arguments.isWrong |= !readSeed(value, arguments.from);
            arguments.to = arguments.from;
            ++i;
        } else if (word == "--seeds") {
            const auto dots = value.find("..");
            arguments.isWrong |= dots == std::string_view::npos
                || !readNumber(value.substr(0, dots), arguments.from)
                || !readNumber(value.substr(dots + 2), arguments.to)
                || arguments.to < arguments.from;
            ++i;
        } else if (word == "--events-max") {
            arguments.isWrong |= !readNumber(value, arguments.run.eventsMax);
            ++i;
        } else if (word == "--twice") {
            arguments.isTwice = true;
        } else if (word == "--quiet") {
            arguments.isQuiet = true;
        } else if (word == "--verbose") {
            arguments.run.isShown = true;
        } else if (word == "--list-faults") {
            for (std::size_t fault = 0; fault < faultCount; ++fault) {
                std::printf("%s\n", faultName(static_cast<Fault>(fault)));
            }
            std::exit(0);
        } else {
            arguments.isWrong = true;
        }
    }
    return arguments;
}

/// The fewest events after which the same seed still breaks something, by bisection.
RunOptions shrink(RunOptions options, const RunResult& broken)
{
    options.isShown = false;
    std::int64_t fails = broken.events;
    std::int64_t passes = 0;
    options.eventsMax = fails;
    if (!runSeed(options).broken) {
        options.eventsMax = std::numeric_limits<std::int64_t>::max();
        return options; // only whole
    }
    while (fails - passes > 1) {
        options.eventsMax = passes + (fails - passes) / 2;
        (runSeed(options).broken ? fails : passes) = options.eventsMax;
    }
    options.eventsMax = fails;
    return options;
}

std::string lineFor(const char* program, const RunOptions& options)
{
    std::string line = fmt::format("{} --seed {}", program, options.seed);
    if (options.eventsMax != std::numeric_limits<std::int64_t>::max()) {
        line += fmt::format(" --events-max {}", options.eventsMax);
    }
    return line;
}

void tell(const char* program, const RunOptions& options, const RunResult& first)
{
    const RunOptions least = shrink(options, first);
    RunResult result = runSeed(least);
    if (!result.broken) {
        result = first;
    }
    std::printf("\nseed %llu breaks %s: %s\n\n%s\n\nThe last events:\n",
        static_cast<unsigned long long>(options.seed), result.broken->invariant.c_str(),
        result.broken->story.c_str(), result.scenario.c_str());
    for (const std::string& line : result.tail) {
        std::printf("%s\n", line.c_str());
    }
    std::printf("\nreproduce with: %s\n\n", lineFor(program, least).c_str());
}

} // namespace

int main(int count, char** values)
{
    const Arguments arguments = readArguments(count, values);
    if (arguments.isWrong) {
        std::fprintf(stderr,
            "usage: headgate-sim --seed N|commit [--events-max M] | --seeds A..B "
            "[--twice] [--quiet] [--verbose] | --list-faults\n");
        return 2;
    }
    std::int64_t passed = 0;
    std::int64_t failed = 0;
    for (std::uint64_t seed = arguments.from; seed <= arguments.to; ++seed) {
        RunOptions options = arguments.run;
        options.seed = seed;
        RunResult result = runSeed(options);
        if (!result.broken && arguments.isTwice) {
            const RunResult again = runSeed(options);
            if (again.hash != result.hash) {
                result.broken = Broken{"I12", "Two runs of this seed differ."};
            }
        }
        if (!arguments.isQuiet || result.broken) {
            std::printf("seed %llu: %s, %lld events, %d holds, %d served, %d refused, %d overruns, "
                        "%d restarts, billed %s, hash %016llx\n",
                static_cast<unsigned long long>(seed), result.broken ? "BROKEN" : "ok",
                static_cast<long long>(result.events), result.counts.holds, result.counts.served,
                result.counts.refusals, result.counts.overruns, result.restarts,
                result.billed.toDecimal().c_str(), static_cast<unsigned long long>(result.hash));
        }
        if (result.broken) {
            ++failed;
            tell(values[0], options, result);
        } else {
            ++passed;
        }
        std::fflush(stdout);
        if (seed == arguments.to) {
            break; // also where the last seed is the largest number
        }
    }
    std::printf("%lld passed, %lld failed\n", static_cast<long long>(passed),
        static_cast<long long>(failed));
    return failed == 0 ? 0 : 1;
}
