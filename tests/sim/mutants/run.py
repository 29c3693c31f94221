#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The Headgate authors
"""Shows that the simulator can fail: builds headgate-sim with one seeded bug at a time and runs
seeds until an invariant breaks. Fails when a bug survives, no longer fits the code, or does not
compile.

  tests/sim/mutants/run.py --build build/release [--jobs 2] [--seeds 64] [--only NAME ...]
                           [--table FILE] [--keep]
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from mutants import MUTANTS  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[3]
SIMULATOR = "headgate-sim"
SEED_SECONDS_MAX = 60
COMPILE_SECONDS_MAX = 400


class Failure(Exception):
    pass


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **options)


def without_launcher(words):
    """Drops `cmake -E env … ccache` in front of the compiler."""
    for i, word in enumerate(words):
        name = pathlib.Path(word).name
        if re.fullmatch(r"(c\+\+|g\+\+|clang\+\+)(-[0-9.]+)?", name):
            return words[i:]
    raise Failure("no compiler in: " + " ".join(words))


class Build:
    def __init__(self, folder, target):
        self.folder = folder
        self.target = target
        entries = json.loads((folder / "compile_commands.json").read_text())
        self.compile = {entry["file"]: entry for entry in entries}
        listed = run(["ninja", "-C", str(folder), "-t", "commands", target])
        if listed.returncode != 0:
            raise Failure(listed.stdout + listed.stderr)
        links = [line for line in listed.stdout.splitlines()
                 if re.search(r"-o \S*" + re.escape(target) + r"(\s|$)", line)]
        if not links:
            raise Failure("no link command for " + target)
        command = re.sub(r"^: && | && :$", "", links[-1].strip())
        self.link = without_launcher(shlex.split(command))
        self.program = folder / self.link[self.link.index("-o") + 1]

    def compile_command(self, source, mutated, output):
        entry = self.compile.get(str(source))
        if entry is None:
            raise Failure(f"{source} is not in compile_commands.json")
        words = without_launcher(shlex.split(entry["command"]))
        result = []
        skip = False
        for i, word in enumerate(words):
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MT", "-MQ"):
                skip = True
            elif word in ("-MD", "-MMD", "-Werror", "-c") or word.startswith("-g"):
                continue
            elif word == str(source):
                continue
            else:
                result.append(word)
        # The warnings are about the bug, if anything.
        return result + ["-w", "-c", str(mutated), "-o", str(output)], entry["directory"]

    def link_command(self, objects, output):
        words = list(self.link)
        at = words.index("-o")
        words[at + 1] = str(output)
        # Before the libraries: then nothing is left for which the archive's member is needed.
        return words[:at] + [str(o) for o in objects] + words[at:]


def mutate(mutant, folder):
    source = SOURCE / mutant.file
    text = source.read_text()
    count = text.count(mutant.find)
    if count != 1:
        raise Failure(f"the text to find occurs {count} times in {mutant.file}")
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / source.name
    copy.write_text(text.replace(mutant.find, mutant.replace))
    return source, copy


def build(mutant, tools, folder):
    source, copy = mutate(mutant, folder)
    obj = folder / (source.stem + ".o")
    command, directory = tools.compile_command(source, copy, obj)
    done = run(command, cwd=directory, timeout=COMPILE_SECONDS_MAX)
    if done.returncode != 0:
        raise Failure("does not compile:\n" + done.stderr[-2000:])
    program = folder / tools.target
    done = run(tools.link_command([obj], program), cwd=tools.folder, timeout=COMPILE_SECONDS_MAX)
    if done.returncode != 0:
        raise Failure("does not link:\n" + done.stderr[-2000:])
    return program


def invariant_of(output):
    found = re.search(r"\bI\d{1,2}\b[^\n]*", output) or re.search(r"FAIL![^\n]*", output)
    if found:
        return found.group(0).strip()[:160]
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip()[:160] if lines else "it crashed without a word"


def run_seed(program, seed):
    """What broke, or None. A run without an end proves nothing and counts as passed."""
    words = [str(program), "--seed", str(seed)] if program.name == SIMULATOR else [str(program)]
    try:
        done = run(words, timeout=SEED_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode < 0:
        return f"a check of the product itself (signal {-done.returncode})"
    return invariant_of(done.stdout + done.stderr) if done.returncode != 0 else None


class Sound:
    """What the program without a bug says to a seed: one that breaks it too shows nothing."""

    def __init__(self, program):
        self.program = program
        self.known = {}
        self.lock = threading.Lock()

    def passes(self, seed):
        with self.lock:
            if seed not in self.known:
                self.known[seed] = run_seed(self.program, seed) is None
            return self.known[seed]


def first_broken(program, seeds, sound):
    for seed in range(1, seeds + 1 if program.name == SIMULATOR else 2):
        broke = run_seed(program, seed)
        if broke is not None and sound.passes(seed):
            return seed, broke
    return None, None


def check(mutant, tools, options, sound):
    folder = tools.folder / "mutants" / mutant.name
    begun = time.monotonic()
    result = {"mutant": mutant, "seed": None, "broke": "", "problem": ""}
    try:
        program = build(mutant, tools, folder)
        result["built_s"] = time.monotonic() - begun
        result["seed"], result["broke"] = first_broken(program, options.seeds, sound)
        if result["seed"] is None:
            result["problem"] = f"SURVIVED {options.seeds} seeds"
    except (Failure, subprocess.TimeoutExpired) as error:
        result["problem"] = str(error)
    finally:
        if not options.keep:
            (folder / tools.target).unlink(missing_ok=True)
    result["took_s"] = time.monotonic() - begun
    return result


def table(results):
    lines = ["| bug | kind | file | seed | what broke |", "| --- | --- | --- | --- | --- |"]
    for result in results:
        mutant = result["mutant"]
        seed = result["seed"] if result["seed"] is not None else "—"
        broke = (result["broke"] or result["problem"].splitlines()[0]).replace("|", "\\|")
        lines.append(f"| {mutant.name} | {mutant.kind} | `{mutant.file}` | {seed} | {broke} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--program", default=SIMULATOR, help="or a test without seeds")
    parser.add_argument("--table", help="write the table of what was caught to this file")
    parser.add_argument("--keep", action="store_true", help="keep the mutated programs")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.only or m.name in options.only]
    tools = Build((SOURCE / options.build).resolve(), options.program)
    sound = Sound(tools.program)
    begun = time.monotonic()
    lock = threading.Lock()

    def one(mutant):
        result = check(mutant, tools, options, sound)
        with lock:
            text = f"seed {result['seed']}: {result['broke']}" if not result["problem"] \
                else result["problem"]
            print(f"{mutant.name:32} {result['took_s']:6.1f} s  {text}", flush=True)
        return result

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(one, chosen))
    if options.table:
        pathlib.Path(options.table).write_text(table(results))
    bad = [result for result in results if result["problem"]]
    unsound = sorted(seed for seed, passes in sound.known.items() if not passes)
    if unsound:
        print(f"seeds that break without a bug, not counted: {unsound}")
    print(f"{len(results) - len(bad)} caught, {len(bad)} not caught, "
          f"{time.monotonic() - begun:.0f} s")
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main())
