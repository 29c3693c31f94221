#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The Headgate authors
"""Writes book.json beside this file from the collected price lists; see README.md.

    python3 resources/prices/make_book.py [FOLDER]     # default: ../shared/data/prices

Decimals stay text from the source to the book: nothing passes through a float.
"""
import csv
import json
import pathlib
import re
import sys
from decimal import Decimal

HERE = pathlib.Path(__file__).resolve().parent
DATE = "2026-09-28"
# Models still asked for by name that the curated list leaves out: provider, name, list, id there.
ALSO = [
    ("openai", "gpt-5.6-sol", "models.dev", "gpt-5.6-sol"),
    ("openai", "gpt-5.2", "models.dev", "gpt-5.2"),
    ("openai", "gpt-4.1-nano", "models.dev", "gpt-4.1-nano"),
    ("openai", "o4-mini", "models.dev", "o4-mini"),
    ("anthropic", "claude-opus-4-6", "models.dev", "claude-opus-4-6"),
    ("anthropic", "claude-sonnet-4", "genai-prices", "claude-sonnet-4-0"),
    ("google", "gemini-3-flash-preview", "models.dev", "gemini-3-flash-preview"),
]
# Each search is billed beside the tokens; dollars a search (10 a thousand at both).
WEB_SEARCH = {"openai": "0.01", "anthropic": "0.01"}
# Hosted tools whose publisher says that only their tokens are billed.
FREE_TOOLS = {"google": ["code_execution", "web_fetch"], "anthropic": ["web_fetch"]}
TOKENIZER = {"openai": "o200k_base", "anthropic": "claude", "google": "gemini", "mistral": "mistral",
             "deepseek": "deepseek", "alibaba": "qwen"}
BY_NAME = [("gpt-oss", "o200k_base"), ("text-embedding", "cl100k_base"), ("llama-3", "llama3"),
           ("llama3", "llama3"), ("qwen", "qwen"), ("gemma", "gemini")]


def plain(value):
    """Decimal text without exponent and without trailing zeros; None when empty."""
    if value is None or value == "":
        return None
    text = format(Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def tier_of(output):
    """1 cheapest ... 4 strongest, from the output price: the market's own ranking."""
    price = Decimal(output)
    return 1 if price <= 1 else 2 if price <= 5 else 3 if price <= 20 else 4


def tokenizer_of(provider, name):
    for part, tokenizer in BY_NAME:
        if part in name:
            return tokenizer
    return TOKENIZER.get(provider, "unknown")


def capabilities(listed):
    inputs = listed.get("modalities", {}).get("input", ["text"])
    return {"tools": bool(listed.get("tool_call", True)), "images": "image" in inputs,
            "audio": "audio" in inputs,
            "jsonSchema": bool(listed.get("structured_output", listed.get("tool_call", True))),
            "reasoning": bool(listed.get("reasoning", False)), "logprobs": False}


def without_none(mapping):
    return {key: value for key, value in mapping.items() if value is not None and value != {}}


def from_csv(row):
    services = {}
    for tier in ("batch", "flex", "priority", "fast"):
        prices = without_none({"input": plain(row[tier + "_input"]), "output": plain(row[tier + "_output"])})
        if prices:
            services[tier] = prices
    return {
        "name": row["model"], "displayName": row["name"], "release": row["release_date"],
        "context": int(row["context"] or 0), "maxOutput": int(row["max_output"] or 0),
        "embedding": row["mode"] == "embedding", "source": row["agree_sources"].replace("|", ", "),
        "price": without_none({
            "input": plain(row["input"]), "output": plain(row["output"]),
            "cacheRead": plain(row["cache_read"]), "cacheWrite5m": plain(row["cache_write_5m"]),
            "cacheWrite1h": plain(row["cache_write_1h"]), "inputAudio": plain(row["input_audio"]),
            "tierAbove": int(row["tier_above"]) if row["tier_above"] else None,
            "tierInput": plain(row["tier_input"]), "tierOutput": plain(row["tier_output"]),
            "tierCacheRead": plain(row["tier_cache_read"]),
            "tierCacheWrite": plain(row["tier_cache_write"]), "serviceTiers": services}),
    }


def from_models_dev(name, listed):
    cost = listed["cost"]
    tiers = cost.get("tiers", [])
    tier = tiers[0] if tiers else {}
    return {
        "name": name, "displayName": listed["name"], "release": listed["release_date"],
        "context": int(listed["limit"]["context"]), "maxOutput": int(listed["limit"]["output"]),
        "embedding": False, "source": "models.dev",
        "price": without_none({
            "input": plain(cost["input"]), "output": plain(cost["output"]),
            "cacheRead": plain(cost.get("cache_read")), "cacheWrite5m": plain(cost.get("cache_write")),
            # Anthropic bills one-hour writes at twice the input price.
            "cacheWrite1h": plain(Decimal(str(cost["input"])) * 2) if name.startswith("claude") else None,
            "inputAudio": plain(cost.get("input_audio")),
            "tierAbove": int(tier["tier"]["size"]) if tier else None,
            "tierInput": plain(tier.get("input")), "tierOutput": plain(tier.get("output")),
            "tierCacheRead": plain(tier.get("cache_read")),
            "tierCacheWrite": plain(tier.get("cache_write"))}),
    }


def from_genai(name, listed, release):
    prices = listed["prices"]
    base = lambda key: plain(prices[key]["base"] if isinstance(prices[key], dict) else prices[key])
    above = lambda key: plain(prices[key]["tiers"][0]["price"]) if isinstance(prices[key], dict) else None
    start = prices["input_mtok"]["tiers"][0]["start"] if isinstance(prices["input_mtok"], dict) else None
    return {
        "name": name, "displayName": listed["name"], "release": release,
        "context": int(listed["context_window"]), "maxOutput": 64000, "embedding": False,
        "source": "genai-prices",
        "price": without_none({
            "input": base("input_mtok"), "output": base("output_mtok"), "cacheRead": base("cache_read_mtok"),
            "cacheWrite5m": base("cache_write_mtok"), "cacheWrite1h": base("cache_write_1h_mtok"),
            "tierAbove": int(start) if start else None, "tierInput": above("input_mtok"),
            "tierOutput": above("output_mtok"), "tierCacheRead": above("cache_read_mtok"),
            "tierCacheWrite": above("cache_write_mtok"), "tierCacheWrite1h": above("cache_write_1h_mtok")}),
    }


def matches(rule, name):
    """The rules by which genai-prices says which names a model has."""
    for kind, value in rule.items():
        if kind in ("or", "and"):
            return (any if kind == "or" else all)(matches(each, name) for each in value)
        return {"equals": lambda: name == value, "starts_with": lambda: name.startswith(value),
                "ends_with": lambda: name.endswith(value), "contains": lambda: value in name,
                "regex": lambda: re.search(value, name) is not None}[kind]()
    return False


def fees_and_media(models, name):
    """What the curated list has no columns for: hosted tools by the use, audio and image tokens."""
    found = models.get(name) or next((m for m in models.values() if matches(m["match"], name)), None)
    prices = found["prices"] if found else {}
    if isinstance(prices, list):
        prices = prices[-1]["prices"]
    flat = lambda key: plain(prices[key]["base"] if isinstance(prices[key], dict) else prices[key]) if key in prices else None
    each = lambda key: plain(Decimal(str(prices[key])) / 1000) if key in prices else None
    return without_none({
        "outputAudio": flat("output_audio_mtok"), "cacheReadAudio": flat("cache_audio_read_mtok"),
        "inputImage": flat("input_image_mtok"), "outputImage": flat("output_image_mtok"),
        "cacheReadImage": flat("cache_image_read_mtok"), "perWebSearch": each("web_searches_kcount"),
        "perTool": without_none({"file_search": each("storage_searches_kcount")})})


def regions(lite, name):
    """{"us": 1.1} of LiteLLM, as permille."""
    factors = lite.get(name, {}).get("provider_specific_entry") or {}
    return {place: int(Decimal(str(factor)) * 1000) for place, factor in factors.items()
            if place != "fast" and isinstance(factor, Decimal)}


def served_tiers(provider, price, dev_model, lite_model):
    """Cache prices of service tiers, and the word that OpenAI serves its fast mode under."""
    tiers = price.get("serviceTiers", {})
    for mode, listed in ((dev_model.get("experimental") or {}).get("modes") or {}).items():
        cost = listed.get("cost")
        if cost and mode in tiers and plain(cost["input"]) == tiers[mode]["input"]:
            tiers[mode].update(without_none({"cacheRead": plain(cost.get("cache_read")),
                                             "cacheWrite": plain(cost.get("cache_write"))}))
    for tier, suffix in (("flex", "_flex"), ("priority", "_priority"), ("batch", "_batches")):
        read = lite_model.get("cache_read_input_token_cost" + suffix)
        same = lite_model.get("input_cost_per_token" + suffix)
        if tier in tiers and read is not None and same is not None \
                and plain(Decimal(str(same)) * 1000000) == tiers[tier]["input"]:
            tiers[tier].setdefault("cacheRead", plain(Decimal(str(read)) * 1000000))
    if provider == "openai" and "fast" in tiers:
        tiers.setdefault("priority", dict(tiers["fast"]))
    if tiers:
        price["serviceTiers"] = tiers


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[2] / "shared/data/prices"
    load = lambda name: json.loads((folder / name).read_text(), parse_float=Decimal)
    dev = load("models_dev_2026-09-28.json")
    genai = {p["id"]: {m["id"]: m for m in p["models"]} for p in load("genai_prices_0.1.8.json")}
    lite = load("litellm_model_prices.json")
    models = []
    with open(folder / "curated_catalogue.csv", newline="") as file:
        for row in csv.DictReader(file):
            models.append((row["provider"], from_csv(row), row["model"]))
    for provider, name, source, key in ALSO:
        if source == "models.dev":
            models.append((provider, from_models_dev(name, dev[provider]["models"][key]), key))
        else:
            models.append((provider, from_genai(name, genai[provider][key], "2025-05-22"), key))
    book = {"format": 1, "date": DATE,
            "sources": "models.dev (MIT), genai-prices 0.1.8 (MIT), LiteLLM (MIT), provider price pages",
            "models": []}
    for provider, model, key in models:
        price = model.pop("price")
        release = model.pop("release")
        source = model.pop("source") + " " + DATE
        listed = dev.get(provider, {}).get("models", {}).get(key, {})
        if not model["embedding"]:
            more = fees_and_media(genai.get("x-ai" if provider == "xai" else provider, {}), key)
            if provider in WEB_SEARCH:
                price["perWebSearch"] = WEB_SEARCH[provider]
            searches = lite.get("gemini/" + key, {}).get("search_context_cost_per_query")
            if provider == "google" and searches:
                price["perWebSearch"] = plain(max(searches.values()))
            if provider in FREE_TOOLS:
                price["perTool"] = {tool: "0" for tool in FREE_TOOLS[provider]}
            price = {**more, **price}
            served_tiers(provider, price, listed, lite.get(key, {}))
            if places := regions(lite, key):
                price["geoPermille"] = places
        book["models"].append({
            "provider": provider, **model, "tier": tier_of(price["output"]), "can": capabilities(listed),
            "tokenizer": tokenizer_of(provider, model["name"]),
            "prices": [without_none({"validFrom": release or None, "source": source, **price})]})
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in book.pop("models"))
    head = json.dumps(book, ensure_ascii=False)[:-1]
    (HERE / "book.json").write_text(head + ', "models": [\n' + rows + "\n]}\n")


if __name__ == "__main__":
    main()
