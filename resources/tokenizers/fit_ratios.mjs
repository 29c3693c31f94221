// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Fits ratios.json from the golden texts, see README.md:
//   HEADGATE_DUMP_FEATURES=/tmp/features.tsv build/dev/tests/unit/tokens/tst_estimator dumpFeatures
//   npm install highs && node fit_ratios.mjs /tmp/features.tsv > ratios.json
// "at most" is the tightest linear bound over all golden texts (a linear program: no text's true
// count may lie above it), then widened by `margin` for texts that are not in the file; "guess"
// has the least absolute relative error. All ratios are thousandths.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve("package.json"));
const solver = await require("highs")();
const groups = 18;
const families = ["claude", "llama3", "llama2", "mistral", "gemini"]; // column order of the dump
const from = ["claude_old", "llama3", "llama2", "mistral_v1", "gemma3"];
const margin = 1.1;

const rows = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => {
    const cells = line.split("\t");
    const numbers = cells.slice(0, groups * 3 + families.length).map(Number);
    const pick = (offset) => Array.from({ length: groups }, (_, i) => numbers[3 * i + offset]);
    // Ratios of o200k tokens first, then those of cl100k tokens.
    return { tokens: [...pick(0), ...pick(1)], bytes: pick(2), counts: numbers.slice(groups * 3) };
});

const term = (coefficient, name) => `${coefficient < 0 ? "-" : "+"} ${Math.abs(coefficient)} ${name}`;
const weightOf = (count) => 1 / (count + 20);

function solve(lines) {
    const solution = solver.solve(lines.join("\n"));
    if (solution.Status !== "Optimal") throw new Error(solution.Status);
    return (name) => solution.Columns[name]?.Primal ?? 0;
}

/// Tightest bound: minimise the sum of relative excess, each text's bound at or above its count.
function fitAtMost(texts, family, guess) {
    const objective = new Map();
    const constraints = [];
    for (const { tokens, bytes, counts } of texts) {
        const weight = weightOf(counts[family]);
        const terms = [["c", 1]];
        tokens.forEach((n, i) => n && terms.push([`t${i}`, n]));
        bytes.forEach((n, i) => n && terms.push([`b${i}`, n]));
        for (const [name, n] of terms) objective.set(name, (objective.get(name) ?? 0) + n * weight);
        if (counts[family] > 0) {
            constraints.push(`${terms.map(([name, n]) => term(n, name)).join(" ")} >= ${counts[family]}`);
        }
    }
    const bounds = guess.map((ratio, i) => `t${i} >= ${ratio}`).concat("c >= 1");
    const value = solve(["Minimize", [...objective].map(([name, n]) => term(n, name)).join(" "),
        "Subject To", ...constraints, "Bounds", ...bounds, "End"]);
    const list = (letter, size) => Array.from({ length: size }, (_, i) => value(letter + i));
    return { tokens: list("t", 2 * groups), bytes: list("b", groups), perText: value("c") };
}

/// Least absolute relative error with token ratios only.
function fitGuess(texts, family) {
    const objective = [];
    const constraints = [];
    texts.forEach(({ tokens, counts }, row) => {
        if (counts[family] === 0) return;
        const terms = tokens.map((n, i) => (n ? term(n, `t${i}`) : "")).join(" ");
        const weight = weightOf(counts[family]);
        objective.push(`${weight} p${row} + ${weight} m${row}`);
        constraints.push(`${terms} - p${row} + m${row} = ${counts[family]}`);
    });
    const seen = Array.from({ length: 2 * groups }, (_, i) => texts.some(({ tokens }) => tokens[i] > 0));
    const bounds = seen.map((used, i) => (used ? `0 <= t${i} <= 20` : ""));
    const value = solve(["Minimize", objective.join(" + "), "Subject To", ...constraints,
        "Bounds", ...bounds, "End"]);
    return seen.map((used, i) => (used ? value(`t${i}`) : 0.8)); // no text shows it: assume 1.6 times
}

const boundOf = (fit, { tokens, bytes }) => fit.perText
    + tokens.reduce((sum, n, i) => sum + n * fit.tokens[i], 0)
    + bytes.reduce((sum, n, i) => sum + n * fit.bytes[i], 0);
const widened = (fit) => ({ tokens: fit.tokens.map((x) => x * margin), bytes: fit.bytes.map((x) => x * margin),
    perText: fit.perText * margin });

/// How a fit on half of the texts does on the other half.
function holdOut(family) {
    let below = 0, worst = 0, total = 0, excess = 0;
    for (const part of [0, 1]) {
        const guess = fitGuess(rows.filter((_, i) => i % 2 === part), family);
        const fit = widened(fitAtMost(rows.filter((_, i) => i % 2 === part), family, guess));
        rows.filter((_, i) => i % 2 !== part).forEach((row) => {
            const bound = boundOf(fit, row);
            total += row.counts[family];
            excess += bound;
            if (bound < row.counts[family]) {
                ++below;
                worst = Math.max(worst, row.counts[family] / bound);
            }
        });
    }
    return `${below} of ${rows.length} texts below their count (worst ${worst.toFixed(2)} x), bound/count ${(excess / total).toFixed(2)}`;
}

const thousandths = (list) => list.map((x) => Math.ceil(x * 1000));
const file = { families: {} };
const lists = ["guessO200k", "guessCl100k", "atMostO200k", "atMostCl100k", "atMostBytes"];
const unknown = Object.fromEntries(lists.map((key) => [key, Array(groups).fill(0)]));
unknown.perText = 0;
const most = (a, b) => a.map((x, i) => Math.max(x, b[i]));
families.forEach((name, family) => {
    const guess = fitGuess(rows, family);
    const fit = widened(fitAtMost(rows, family, guess));
    const rounded = guess.map((x) => Math.round(x * 1000));
    const atMost = thousandths(fit.tokens);
    const entry = { from: from[family], guessO200k: rounded.slice(0, groups), guessCl100k: rounded.slice(groups),
        atMostO200k: atMost.slice(0, groups), atMostCl100k: atMost.slice(groups),
        atMostBytes: thousandths(fit.bytes), perText: Math.ceil(fit.perText) };
    file.families[name] = entry;
    for (const key of lists) unknown[key] = most(unknown[key], entry[key]);
    unknown.perText = Math.max(unknown.perText, entry.perText);
    const total = rows.reduce((sum, row) => sum + row.counts[family], 0);
    const bound = rows.reduce((sum, row) => sum + boundOf(fit, row), 0);
    console.error(`${name}: bound/count ${(bound / total).toFixed(2)}; held out: ${holdOut(family)}`);
});
file.families.unknown = { from: "the widest of all", ...unknown };
console.log(JSON.stringify(file, null, 1).replace(/\n\s+(-?\d+,?)(?=\n)/g, " $1").replace(/\n\s+\]/g, " ]"));
