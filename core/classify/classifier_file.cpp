// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/classifier.h"

#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace headgate::classify {

namespace {

constexpr std::string_view magic = "HGCLASS\n";
constexpr std::uint32_t fileVersion = 1;
constexpr std::size_t checksumBytes = 8;

/// FNV-1a: finds a torn or rotten file. It is no defence; every field is checked as well.
std::uint64_t checksumOf(std::string_view bytes)
{
    return textHash(bytes);
}

class ByteWriter {
public:
    template <typename T>
    void put(T value)
    {
        static_assert(std::is_arithmetic_v<T>);
        std::array<char, sizeof(T)> raw{};
        std::memcpy(raw.data(), &value, sizeof(T));
        m_bytes.append(raw.data(), raw.size());
    }
    void text(std::string_view value) { m_bytes.append(value); }
    [[nodiscard]] std::string take() { return std::move(m_bytes); }
    [[nodiscard]] const std::string& bytes() const { return m_bytes; }

private:
    std::string m_bytes;
};

/// Every read is checked; after the first failure all values are zero.
class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : m_rest(bytes) { }
    template <typename T>
    T get()
    {
        T value{};
        if (m_rest.size() < sizeof(T)) {
            m_ok = false;
            m_rest = {};
            return value;
        }
        std::memcpy(&value, m_rest.data(), sizeof(T));
        m_rest.remove_prefix(sizeof(T));
        return value;
    }
    std::string_view text(std::size_t size)
    {
        if (m_rest.size() < size) {
            m_ok = false;
            m_rest = {};
            return {};
        }
        const std::string_view out = m_rest.substr(0, size);
        m_rest.remove_prefix(size);
        return out;
    }
    float finite()
    {
        const auto value = get<float>();
        m_ok = m_ok && std::isfinite(value);
        return value;
    }
    void require(bool fine) { m_ok = m_ok && fine; }
    [[nodiscard]] bool ok() const { return m_ok; }
    [[nodiscard]] std::size_t left() const { return m_rest.size(); }

private:
    std::string_view m_rest;
    bool m_ok = true;
};

Error damaged(const char* what)
{
    return Error(ErrorCode::Corrupt, std::string("The classifier's file ") + what + ".",
        "Roll back to the one before, or train anew.");
}

void writeForest(const Forest& forest, ByteWriter& out)
{
    out.put(forest.base);
    out.put(static_cast<std::uint32_t>(forest.trees.size()));
    for (const Tree& tree : forest.trees) {
        for (std::size_t i = 0; i < treeNodes; ++i) {
            out.put(tree.feature[i]);
            out.put(tree.bin[i]);
        }
        for (const float leaf : tree.leaf) {
            out.put(leaf);
        }
    }
}

void readForest(ByteReader& in, Forest& forest)
{
    forest.base = in.finite();
    const auto trees = in.get<std::uint32_t>();
    in.require(trees <= treesMax);
    for (std::uint32_t t = 0; t < trees && in.ok(); ++t) {
        Tree tree;
        for (std::size_t i = 0; i < treeNodes; ++i) {
            tree.feature[i] = in.get<std::uint8_t>();
            tree.bin[i] = in.get<std::uint8_t>();
            in.require(tree.feature[i] < structureCount);
        }
        for (float& leaf : tree.leaf) {
            leaf = in.finite();
        }
        forest.trees.push_back(tree);
    }
}

} // namespace

/// Reads and writes the parts of a head; slots that never learned are not written.
class ClassifierFile {
public:
    using Head = Classifier::Head;

    static void write(const Head& head, ByteWriter& out)
    {
        out.put(static_cast<std::uint32_t>(head.model.size()));
        out.text(head.model);
        out.put(head.labels);
        out.put(head.bias);
        out.put(head.biasSquares);
        out.put(head.forestShare);
        writeForest(head.forest, out);
        std::uint32_t used = 0;
        for (std::size_t slot = 0; slot < tableSlots; ++slot) {
            used += head.weights[slot] != 0.0F ? 1U : 0U;
        }
        out.put(used);
        for (std::size_t slot = 0; slot < tableSlots; ++slot) {
            if (head.weights[slot] != 0.0F) {
                out.put(static_cast<std::uint32_t>(slot));
                out.put(head.weights[slot]);
                out.put(head.squares[slot]);
            }
        }
    }

    static void read(ByteReader& in, Head& head)
    {
        head.labels = in.get<std::int64_t>();
        in.require(head.labels >= 0);
        head.bias = in.finite();
        head.biasSquares = in.finite();
        head.forestShare = in.finite();
        in.require(head.biasSquares > 0 && head.forestShare >= 0 && head.forestShare <= 1);
        readForest(in, head.forest);
        const auto used = in.get<std::uint32_t>();
        in.require(used <= tableSlots);
        std::int64_t before = -1;
        for (std::uint32_t i = 0; i < used && in.ok(); ++i) {
            const auto slot = in.get<std::uint32_t>();
            const float weight = in.finite();
            const float squares = in.finite();
            in.require(
                slot < tableSlots && before < static_cast<std::int64_t>(slot) && squares > 0);
            if (in.ok()) {
                head.weights[slot] = weight;
                head.squares[slot] = squares;
                before = slot;
            }
        }
    }

    static Result<Classifier> readHeads(ByteReader& in)
    {
        const auto count = in.get<std::uint32_t>();
        in.require(count >= 1 && count <= headsMax);
        Classifier out;
        for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
            const auto nameBytes = in.get<std::uint32_t>();
            in.require(nameBytes <= modelNameBytesMax);
            const std::string name(in.ok() ? in.text(nameBytes) : std::string_view());
            Result<Classifier> one = Classifier::create({name});
            in.require(one.has_value() && out.headOf(name) == out.heads());
            if (in.ok()) {
                read(in, one->m_heads.front());
                out.m_heads.push_back(std::move(one->m_heads.front()));
            }
        }
        if (!in.ok() || in.left() != 0) {
            return damaged("breaks its own rules");
        }
        return out;
    }
};

std::string Classifier::toBytes() const
{
    ByteWriter out;
    out.text(magic);
    out.put(fileVersion);
    out.put(static_cast<std::uint32_t>(tableBits));
    out.put(static_cast<std::uint32_t>(structureCount));
    out.put(static_cast<std::uint32_t>(m_heads.size()));
    for (const Head& head : m_heads) {
        ClassifierFile::write(head, out);
    }
    out.put(checksumOf(out.bytes()));
    return out.take();
}

Result<Classifier> Classifier::fromBytes(std::string_view bytes)
{
    if (!bytes.starts_with(magic)) {
        return damaged("is none");
    }
    if (bytes.size() < magic.size() + checksumBytes) {
        return damaged("is cut off");
    }
    ByteReader tail(bytes.substr(bytes.size() - checksumBytes));
    const std::string_view body = bytes.substr(0, bytes.size() - checksumBytes);
    if (tail.get<std::uint64_t>() != checksumOf(body)) {
        return damaged("does not match its checksum");
    }
    ByteReader in(body.substr(magic.size()));
    const auto version = in.get<std::uint32_t>();
    if (version > fileVersion) {
        return Error(ErrorCode::TooNew, "The classifier was written by a newer Headgate.",
            "Use that version, or train anew.");
    }
    // A table of another size or other features would give scores that mean nothing.
    const auto bits = in.get<std::uint32_t>();
    const auto shape = in.get<std::uint32_t>();
    if (version != fileVersion || bits != tableBits || shape != structureCount) {
        return Error(
            ErrorCode::Unsupported, "The classifier was made with other features.", "Train anew.");
    }
    return ClassifierFile::readHeads(in);
}

} // namespace headgate::classify
