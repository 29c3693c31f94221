// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/lexicon.h"

#include <array>
#include <vector>

namespace headgate::routing {

namespace {

using K = WordKind;
using T = TaskType;

// clang-format off
constexpr Lexeme lexemes[] {
    // classification
    {"classify", K::Task, T::Classification, 3}, {"classification", K::Task, T::Classification, 2},
    {"classifier", K::Task, T::Classification, 2}, {"categorize", K::Task, T::Classification, 3},
    {"categorise", K::Task, T::Classification, 3}, {"categories", K::Task, T::Classification, 2},
    {"sentiment", K::Task, T::Classification, 3}, {"label", K::Task, T::Classification, 2},
    {"labels", K::Task, T::Classification, 2}, {"spam", K::Task, T::Classification, 2},
    {"moderate", K::Task, T::Classification, 1}, {"triage", K::Task, T::Classification, 2},
    {"which category", K::Task, T::Classification, 3}, {"true or", K::Task, T::Classification, 1},
    {"yes or", K::Task, T::Classification, 2}, {"positive or", K::Task, T::Classification, 2},
    {"klassifiziere", K::Task, T::Classification, 3}, {"klassifizieren", K::Task, T::Classification, 3},
    {"kategorisiere", K::Task, T::Classification, 3}, {"einordnen", K::Task, T::Classification, 2},
    {"kategorie", K::Task, T::Classification, 2}, {"stimmung", K::Task, T::Classification, 1},
    {"clasifica", K::Task, T::Classification, 3}, {"clasificar", K::Task, T::Classification, 3},
    {"categoriza", K::Task, T::Classification, 3}, {"sentimiento", K::Task, T::Classification, 2},
    {"classe", K::Task, T::Classification, 1}, {"classer", K::Task, T::Classification, 3},
    {"classifie", K::Task, T::Classification, 3}, {"classifiez", K::Task, T::Classification, 3},
    {"catégorise", K::Task, T::Classification, 3}, {"catégorie", K::Task, T::Classification, 2},
    // extraction
    {"extract", K::Task, T::Extraction, 3}, {"extraction", K::Task, T::Extraction, 2},
    {"pull out", K::Task, T::Extraction, 2}, {"list all", K::Task, T::Extraction, 2},
    {"find all", K::Task, T::Extraction, 2}, {"entities", K::Task, T::Extraction, 2},
    {"parse the", K::Task, T::Extraction, 2}, {"invoice", K::Task, T::Extraction, 1},
    {"extrahiere", K::Task, T::Extraction, 3}, {"extrahieren", K::Task, T::Extraction, 3},
    {"herausfiltern", K::Task, T::Extraction, 2}, {"liste alle", K::Task, T::Extraction, 2},
    {"extrae", K::Task, T::Extraction, 3}, {"extraer", K::Task, T::Extraction, 3},
    {"extrais", K::Task, T::Extraction, 3}, {"extraire", K::Task, T::Extraction, 3},
    {"extrayez", K::Task, T::Extraction, 3}, {"relève", K::Task, T::Extraction, 1},
    // formatting
    {"format", K::Task, T::Formatting, 2}, {"reformat", K::Task, T::Formatting, 3},
    {"convert", K::Task, T::Formatting, 2}, {"as json", K::Task, T::Formatting, 1},
    {"to json", K::Task, T::Formatting, 2}, {"to csv", K::Task, T::Formatting, 2},
    {"to markdown", K::Task, T::Formatting, 2}, {"to yaml", K::Task, T::Formatting, 2},
    {"proofread", K::Task, T::Formatting, 3}, {"grammar", K::Task, T::Formatting, 2},
    {"capitalize", K::Task, T::Formatting, 2}, {"sort these", K::Task, T::Formatting, 2},
    {"rephrase", K::Task, T::Formatting, 2}, {"title for", K::Task, T::Formatting, 2},
    {"formatiere", K::Task, T::Formatting, 3}, {"formatieren", K::Task, T::Formatting, 3},
    {"umwandeln", K::Task, T::Formatting, 2}, {"konvertiere", K::Task, T::Formatting, 3},
    {"wandle", K::Task, T::Formatting, 2}, {"rechtschreibung", K::Task, T::Formatting, 2},
    {"convierte", K::Task, T::Formatting, 3}, {"formatea", K::Task, T::Formatting, 3},
    {"convertis", K::Task, T::Formatting, 3}, {"convertir", K::Task, T::Formatting, 2},
    {"reformule", K::Task, T::Formatting, 2}, {"orthographe", K::Task, T::Formatting, 2},
    // translation
    {"translate", K::Task, T::Translation, 4}, {"translation", K::Task, T::Translation, 3},
    {"translating", K::Task, T::Translation, 3}, {"translator", K::Task, T::Translation, 3},
    {"übersetze", K::Task, T::Translation, 4}, {"übersetzen", K::Task, T::Translation, 4},
    {"übersetzung", K::Task, T::Translation, 3}, {"traduce", K::Task, T::Translation, 4},
    {"traducir", K::Task, T::Translation, 4}, {"traduzca", K::Task, T::Translation, 4},
    {"traducción", K::Task, T::Translation, 3}, {"traduis", K::Task, T::Translation, 4},
    {"traduire", K::Task, T::Translation, 4}, {"traduisez", K::Task, T::Translation, 4},
    {"traduction", K::Task, T::Translation, 3}, {"traduci", K::Task, T::Translation, 4},
    {"into english", K::Task, T::Translation, 3}, {"into german", K::Task, T::Translation, 3},
    {"into french", K::Task, T::Translation, 3}, {"into spanish", K::Task, T::Translation, 3},
    {"into japanese", K::Task, T::Translation, 3}, {"into chinese", K::Task, T::Translation, 3},
    {"ins deutsche", K::Task, T::Translation, 3}, {"ins englische", K::Task, T::Translation, 3},
    {"al inglés", K::Task, T::Translation, 3}, {"al español", K::Task, T::Translation, 3},
    {"en anglais", K::Task, T::Translation, 2}, {"en français", K::Task, T::Translation, 1},
    // summarisation
    {"summarize", K::Task, T::Summarisation, 4}, {"summarise", K::Task, T::Summarisation, 4},
    {"summary", K::Task, T::Summarisation, 3}, {"summarizing", K::Task, T::Summarisation, 3},
    {"summaries", K::Task, T::Summarisation, 2}, {"tldr", K::Task, T::Summarisation, 4},
    {"tl dr", K::Task, T::Summarisation, 4}, {"key points", K::Task, T::Summarisation, 3},
    {"main points", K::Task, T::Summarisation, 3}, {"condense", K::Task, T::Summarisation, 3},
    {"zusammenfassung", K::Task, T::Summarisation, 4}, {"zusammenfassen", K::Task, T::Summarisation, 4},
    {"zusammen", K::Task, T::Summarisation, 2}, {"fasse", K::Task, T::Summarisation, 3},
    {"resumen", K::Task, T::Summarisation, 4}, {"resumir", K::Task, T::Summarisation, 4},
    {"resume el", K::Task, T::Summarisation, 4}, {"resume este", K::Task, T::Summarisation, 4},
    {"resume esta", K::Task, T::Summarisation, 4}, {"resume la", K::Task, T::Summarisation, 4},
    {"résume", K::Task, T::Summarisation, 4}, {"résumer", K::Task, T::Summarisation, 4},
    {"résumez", K::Task, T::Summarisation, 4}, {"résumé", K::Task, T::Summarisation, 2},
    {"synthèse", K::Task, T::Summarisation, 3},
    // mathematics
    {"solve", K::Task, T::Maths, 2}, {"equation", K::Task, T::Maths, 3},
    {"equations", K::Task, T::Maths, 3}, {"integral", K::Task, T::Maths, 3},
    {"derivative", K::Task, T::Maths, 3}, {"differentiate", K::Task, T::Maths, 3},
    {"integrate", K::Task, T::Maths, 1}, {"theorem", K::Task, T::Maths, 3},
    {"lemma", K::Task, T::Maths, 3}, {"polynomial", K::Task, T::Maths, 3},
    {"probability", K::Task, T::Maths, 2}, {"matrix", K::Task, T::Maths, 2},
    {"eigenvalue", K::Task, T::Maths, 3}, {"eigenvalues", K::Task, T::Maths, 3},
    {"calculate", K::Task, T::Maths, 2}, {"compute", K::Task, T::Maths, 1},
    {"modulo", K::Task, T::Maths, 2}, {"arithmetic", K::Task, T::Maths, 2},
    {"löse", K::Task, T::Maths, 2}, {"gleichung", K::Task, T::Maths, 3},
    {"berechne", K::Task, T::Maths, 3}, {"wahrscheinlichkeit", K::Task, T::Maths, 3},
    {"ableitung", K::Task, T::Maths, 3}, {"resuelve", K::Task, T::Maths, 2},
    {"ecuación", K::Task, T::Maths, 3}, {"calcula", K::Task, T::Maths, 3},
    {"probabilidad", K::Task, T::Maths, 3}, {"résous", K::Task, T::Maths, 2},
    {"équation", K::Task, T::Maths, 3}, {"calcule", K::Task, T::Maths, 3},
    {"probabilité", K::Task, T::Maths, 3}, {"dérivée", K::Task, T::Maths, 3},
    // reasoning
    {"prove", K::Reasoning, T::Reasoning, 4}, {"proof", K::Reasoning, T::Reasoning, 3},
    {"derive", K::Reasoning, T::Reasoning, 3}, {"why", K::Reasoning, T::Reasoning, 1},
    {"by step", K::Reasoning, T::Reasoning, 2}, {"trade offs", K::Reasoning, T::Reasoning, 3},
    {"trade off", K::Reasoning, T::Reasoning, 3}, {"tradeoffs", K::Reasoning, T::Reasoning, 3},
    {"tradeoff", K::Reasoning, T::Reasoning, 3}, {"analyze", K::Reasoning, T::Reasoning, 2},
    {"analyse", K::Reasoning, T::Reasoning, 2}, {"compare", K::Reasoning, T::Reasoning, 2},
    {"evaluate", K::Reasoning, T::Reasoning, 2}, {"architecture", K::Reasoning, T::Reasoning, 2},
    {"strategy", K::Reasoning, T::Reasoning, 2}, {"puzzle", K::Reasoning, T::Reasoning, 3},
    {"riddle", K::Reasoning, T::Reasoning, 3}, {"deduce", K::Reasoning, T::Reasoning, 3},
    {"reason about", K::Reasoning, T::Reasoning, 3}, {"root cause", K::Reasoning, T::Reasoning, 3},
    {"critique", K::Reasoning, T::Reasoning, 2}, {"hypothesis", K::Reasoning, T::Reasoning, 2},
    {"optimal", K::Reasoning, T::Reasoning, 2}, {"justify", K::Reasoning, T::Reasoning, 2},
    {"counterexample", K::Reasoning, T::Reasoning, 3}, {"implications", K::Reasoning, T::Reasoning, 2},
    {"beweise", K::Reasoning, T::Reasoning, 4}, {"beweis", K::Reasoning, T::Reasoning, 3},
    {"herleiten", K::Reasoning, T::Reasoning, 3}, {"warum", K::Reasoning, T::Reasoning, 1},
    {"schritt für", K::Reasoning, T::Reasoning, 2}, {"vergleiche", K::Reasoning, T::Reasoning, 2},
    {"analysiere", K::Reasoning, T::Reasoning, 2}, {"begründe", K::Reasoning, T::Reasoning, 2},
    {"abwägen", K::Reasoning, T::Reasoning, 3}, {"demuestra", K::Reasoning, T::Reasoning, 4},
    {"demostrar", K::Reasoning, T::Reasoning, 4}, {"paso a", K::Reasoning, T::Reasoning, 2},
    {"compara", K::Reasoning, T::Reasoning, 2}, {"analiza", K::Reasoning, T::Reasoning, 2},
    {"razona", K::Reasoning, T::Reasoning, 3}, {"démontre", K::Reasoning, T::Reasoning, 4},
    {"démontrer", K::Reasoning, T::Reasoning, 4}, {"prouve", K::Reasoning, T::Reasoning, 4},
    {"pourquoi", K::Reasoning, T::Reasoning, 1}, {"étape par", K::Reasoning, T::Reasoning, 2},
    {"raisonnement", K::Reasoning, T::Reasoning, 3},
    {"planning", K::Reasoning, T::Reasoning, 1}, {"migration", K::Reasoning, T::Reasoning, 1},
    // make
    {"write", K::Make}, {"create", K::Make}, {"implement", K::Make}, {"build", K::Make},
    {"generate", K::Make}, {"develop", K::Make}, {"draft", K::Make}, {"compose", K::Make},
    {"refactor", K::Make}, {"add", K::Make}, {"design", K::Make}, {"make", K::Make},
    {"rewrite", K::Make}, {"port", K::Make}, {"schreibe", K::Make}, {"schreib", K::Make},
    {"schreiben", K::Make}, {"erstelle", K::Make}, {"implementiere", K::Make},
    {"entwickle", K::Make}, {"verfasse", K::Make}, {"programmiere", K::Make},
    {"escribe", K::Make}, {"escribir", K::Make}, {"crea", K::Make}, {"implementa", K::Make},
    {"genera", K::Make}, {"redacta", K::Make}, {"écris", K::Make}, {"écrire", K::Make},
    {"écrivez", K::Make}, {"crée", K::Make}, {"créer", K::Make}, {"rédige", K::Make},
    {"rédiger", K::Make}, {"implémente", K::Make}, {"génère", K::Make},
    // explain
    {"explain", K::Explain}, {"describe", K::Explain}, {"walk me", K::Explain},
    {"clarify", K::Explain}, {"what does", K::Explain}, {"how does", K::Explain},
    {"understand", K::Explain}, {"erkläre", K::Explain}, {"erklären", K::Explain},
    {"erklär", K::Explain}, {"beschreibe", K::Explain}, {"explica", K::Explain},
    {"explicar", K::Explain}, {"describe el", K::Explain}, {"explique", K::Explain},
    {"expliquer", K::Explain}, {"expliquez", K::Explain}, {"décris", K::Explain},
    // fix
    {"fix", K::Fix}, {"debug", K::Fix}, {"bug", K::Fix}, {"error", K::Fix}, {"fails", K::Fix},
    {"failing", K::Fix}, {"crash", K::Fix}, {"crashes", K::Fix}, {"broken", K::Fix},
    {"exception", K::Fix}, {"segfault", K::Fix}, {"t work", K::Fix}, {"not working", K::Fix},
    {"repair", K::Fix}, {"behebe", K::Fix}, {"fehler", K::Fix}, {"repariere", K::Fix},
    {"korrigiere", K::Fix}, {"abstürzt", K::Fix}, {"arregla", K::Fix}, {"corrige", K::Fix},
    {"depura", K::Fix}, {"falla", K::Fix}, {"corriger", K::Fix}, {"corrigez", K::Fix},
    {"débogue", K::Fix}, {"erreur", K::Fix}, {"plante", K::Fix}, {"répare", K::Fix},
    // code nouns and languages of programming
    {"function", K::CodeNoun}, {"method", K::CodeNoun}, {"code", K::CodeNoun},
    {"script", K::CodeNoun}, {"program", K::CodeNoun}, {"regex", K::CodeNoun},
    {"sql", K::CodeNoun}, {"query", K::CodeNoun}, {"api", K::CodeNoun}, {"endpoint", K::CodeNoun},
    {"unit test", K::CodeNoun}, {"unit tests", K::CodeNoun}, {"compiler", K::CodeNoun},
    {"algorithm", K::CodeNoun}, {"python", K::CodeNoun}, {"javascript", K::CodeNoun},
    {"typescript", K::CodeNoun}, {"java", K::CodeNoun}, {"rust", K::CodeNoun},
    {"golang", K::CodeNoun}, {"kotlin", K::CodeNoun}, {"bash", K::CodeNoun},
    {"dockerfile", K::CodeNoun}, {"kubernetes", K::CodeNoun}, {"react", K::CodeNoun},
    {"css", K::CodeNoun}, {"html", K::CodeNoun}, {"repository", K::CodeNoun},
    {"codebase", K::CodeNoun}, {"cli", K::CodeNoun}, {"parser", K::CodeNoun},
    {"funktion", K::CodeNoun}, {"programm", K::CodeNoun}, {"skript", K::CodeNoun},
    {"función", K::CodeNoun}, {"programa", K::CodeNoun}, {"código", K::CodeNoun},
    {"fonction", K::CodeNoun}, {"programme", K::CodeNoun},
    // prose nouns
    {"email", K::TextNoun}, {"mail", K::TextNoun}, {"letter", K::TextNoun}, {"essay", K::TextNoun},
    {"poem", K::TextNoun}, {"story", K::TextNoun}, {"blog", K::TextNoun}, {"article", K::TextNoun},
    {"speech", K::TextNoun}, {"haiku", K::TextNoun}, {"tweet", K::TextNoun},
    {"slogan", K::TextNoun}, {"song", K::TextNoun}, {"paragraph", K::TextNoun},
    {"brief", K::TextNoun}, {"aufsatz", K::TextNoun}, {"gedicht", K::TextNoun},
    {"geschichte", K::TextNoun}, {"artikel", K::TextNoun}, {"rede", K::TextNoun},
    {"carta", K::TextNoun}, {"correo", K::TextNoun}, {"poema", K::TextNoun},
    {"cuento", K::TextNoun}, {"artículo", K::TextNoun}, {"ensayo", K::TextNoun},
    {"lettre", K::TextNoun}, {"courriel", K::TextNoun}, {"poème", K::TextNoun},
    {"histoire", K::TextNoun}, {"discours", K::TextNoun},
    // questions
    {"what", K::Question}, {"when", K::Question}, {"who", K::Question}, {"where", K::Question},
    {"which", K::Question}, {"how", K::Question}, {"is it", K::Question}, {"can i", K::Question},
    {"was", K::Question}, {"wann", K::Question}, {"wer", K::Question}, {"wo", K::Question},
    {"welche", K::Question}, {"welcher", K::Question}, {"wie", K::Question}, {"qué", K::Question},
    {"cuándo", K::Question}, {"quién", K::Question}, {"dónde", K::Question}, {"cuál", K::Question},
    {"cómo", K::Question}, {"quel", K::Question}, {"quelle", K::Question}, {"qui", K::Question},
    {"quand", K::Question}, {"où", K::Question}, {"comment", K::Question}, {"combien", K::Question},
    // constraints
    {"must", K::Constraint}, {"exactly", K::Constraint}, {"only", K::Constraint},
    {"at least", K::Constraint}, {"at most", K::Constraint}, {"no more", K::Constraint},
    {"without", K::Constraint}, {"except", K::Constraint}, {"unless", K::Constraint},
    {"never", K::Constraint}, {"always", K::Constraint}, {"ensure", K::Constraint},
    {"should not", K::Constraint}, {"do not", K::Constraint}, {"required", K::Constraint},
    {"constraint", K::Constraint}, {"constraints", K::Constraint}, {"muss", K::Constraint},
    {"müssen", K::Constraint}, {"genau", K::Constraint}, {"mindestens", K::Constraint},
    {"höchstens", K::Constraint}, {"ohne", K::Constraint}, {"niemals", K::Constraint},
    {"debe", K::Constraint}, {"exactamente", K::Constraint}, {"solo", K::Constraint},
    {"sin", K::Constraint}, {"nunca", K::Constraint}, {"al menos", K::Constraint},
    {"doit", K::Constraint}, {"exactement", K::Constraint}, {"seulement", K::Constraint},
    {"sans", K::Constraint}, {"jamais", K::Constraint}, {"au moins", K::Constraint},
    // simplicity
    {"briefly", K::Simple}, {"quick", K::Simple}, {"quickly", K::Simple}, {"simple", K::Simple},
    {"one word", K::Simple}, {"one sentence", K::Simple}, {"single word", K::Simple},
    {"short answer", K::Simple}, {"kurz", K::Simple}, {"einfach", K::Simple},
    {"ein wort", K::Simple}, {"brevemente", K::Simple}, {"una palabra", K::Simple},
    {"brièvement", K::Simple}, {"un mot", K::Simple},
    // greetings
    {"hi", K::Greeting}, {"hello", K::Greeting}, {"hey", K::Greeting}, {"thanks", K::Greeting},
    {"thank you", K::Greeting}, {"good morning", K::Greeting}, {"hallo", K::Greeting},
    {"danke", K::Greeting}, {"guten tag", K::Greeting}, {"hola", K::Greeting},
    {"gracias", K::Greeting}, {"bonjour", K::Greeting}, {"merci", K::Greeting},
    {"salut", K::Greeting},
    // contradictions
    {"wrong", K::Contradiction}, {"incorrect", K::Contradiction}, {"not right", K::Contradiction},
    {"not correct", K::Contradiction}, {"still fails", K::Contradiction},
    {"still not", K::Contradiction}, {"still failing", K::Contradiction},
    {"still broken", K::Contradiction}, {"still get", K::Contradiction},
    {"still getting", K::Contradiction}, {"same error", K::Contradiction},
    {"not what", K::Contradiction}, {"falsch", K::Contradiction},
    {"stimmt nicht", K::Contradiction}, {"funktioniert nicht", K::Contradiction},
    {"immer noch", K::Contradiction}, {"incorrecto", K::Contradiction},
    {"no funciona", K::Contradiction}, {"sigue sin", K::Contradiction}, {"faux", K::Contradiction},
    {"marche pas", K::Contradiction}, {"fonctionne pas", K::Contradiction},
    {"toujours pas", K::Contradiction},
};
// clang-format on

constexpr std::uint64_t hashOf(std::string_view text)
{
    std::uint64_t hash = wordHashStart;
    for (const char c : text) {
        hash = wordHashStep(hash, static_cast<unsigned char>(c));
    }
    return hash;
}

std::uint64_t lexemeHash(std::string_view text)
{
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) {
        return hashOf(text);
    }
    return wordPairHash(hashOf(text.substr(0, space)), hashOf(text.substr(space + 1)));
}

/// Open addressing over 64-bit hashes. Words are not compared again: a collision is one in 10^16,
/// and whoever makes one on purpose only misroutes his own request.
class Table {
public:
    Table() : m_slots(slotCount)
    {
        for (const Lexeme& lexeme : lexemes) {
            const std::uint64_t hash = lexemeHash(lexeme.text);
            std::size_t at = hash & (slotCount - 1);
            while (m_slots[at].lexeme != nullptr && m_slots[at].hash != hash) {
                at = (at + 1) & (slotCount - 1);
            }
            if (m_slots[at].lexeme == nullptr) {
                m_slots[at] = {hash, &lexeme};
            }
        }
    }
    [[nodiscard]] const Lexeme* find(std::uint64_t hash) const
    {
        std::size_t at = hash & (slotCount - 1);
        while (m_slots[at].lexeme != nullptr) {
            if (m_slots[at].hash == hash) {
                return m_slots[at].lexeme;
            }
            at = (at + 1) & (slotCount - 1);
        }
        return nullptr;
    }

private:
    static constexpr std::size_t slotCount = 2048;
    static_assert(std::size(lexemes) * 3 < slotCount, "keep the table sparse");
    struct Slot {
        std::uint64_t hash = 0;
        const Lexeme* lexeme = nullptr;
    };
    std::vector<Slot> m_slots;
};

} // namespace

const Lexeme* lexemeFor(std::uint64_t hash)
{
    static const Table table;
    return table.find(hash);
}

} // namespace headgate::routing
